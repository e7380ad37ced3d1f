"""The provider simulator: a loopback server that speaks OpenAI Responses and Chat, Anthropic Messages and Google.

By hand: `python -m tests.simulator --port 8123` (`--help` lists the models and how to point the site at it).

In tests:

    with start_simulator() as simulator:                     # a thread; start_simulator_process() for a process
        simulator.script("gpt-x", {"text": "Hello", "fault": {"kind": "reset", "after_chars": 3}})
        simulator.script("*", {}, queue=({"status": 529}, {"status": 429, "headers": {"retry-after": "1"}}))
        run_the_site(env=simulator.environment)
        seen = simulator.wait_for(lambda request: request.client_gone_at, model="gpt-x")
        assert page_text == seen.sent_text

`scripts.py` says what a script can do, `records.py` what is known of a request, `control.py` the same over HTTP. A file
reads another in this order: scripts, answers, the four wires, plan (bytes and waits), playing (writes them), server.
"""

from tests.simulator.client import SimulatorClient, start_simulator, start_simulator_process
from tests.simulator.records import Seen

__all__ = ["Seen", "SimulatorClient", "start_simulator", "start_simulator_process"]
