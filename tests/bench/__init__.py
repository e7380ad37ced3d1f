"""What the site costs: CPU per token, added delay, memory, start-up, measured on real server processes.

`python -m tests.bench` (or `make bench`, and `make bench ARGS=--all`). All processes of the site have core 0; the
provider simulator and the load have core 1; PostgreSQL and Redis, which two processes need, run where they like.

  words      the text that is streamed: its words are numbered, so that each can be timed
  wire       an HTTP connection that costs the load side next to nothing
  visitor    one person: posts a question and follows the answer, at another process where there are two
  upstream   the same answer without the site: straight from the simulator, or through `relay`
  server     the server processes under load: CPU, memory, threads
  figures    delays of one run, from what was sent when and what arrived when
  scenarios  the runs, in order
  report     the tables
  profiled   the server with a sampling profiler in it
"""
