"""What the site costs: CPU per token, added delay, memory, start-up, measured on one real server process.

`python -m tests.bench` (or `make bench`). The server has core 0; the provider simulator and the load have core 1.

  words      the text that is streamed: its words are numbered, so that each can be timed
  wire       an HTTP connection that costs the load side next to nothing
  visitor    one person: posts a question, loads the page, follows the answer
  upstream   the same answer without the site: straight from the simulator, or through `relay`
  server     the server process under load: CPU, memory, threads
  figures    delays of one run, from what was sent when and what arrived when
  scenarios  the runs, in order
  report     the table
  profiled   the server with a sampling profiler in it
"""
