"""`python -m tests.simulator --port 8123`: OpenAI, Anthropic and Google on one loopback port, without a key."""

import argparse
import asyncio
import signal

from tests.simulator.scripts import Script
from tests.simulator.server import simulator_listening
from tests.simulator.shortcuts import described

TRY_THE_SITE = """\
Try the site against it, in another terminal:

  export OPENAI_API_KEY=any OPENAI_BASE_URL=http://127.0.0.1:8123/v1
  export ANTHROPIC_API_KEY=any ANTHROPIC_BASE_URL=http://127.0.0.1:8123
  export GEMINI_API_KEY=any GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8123
  export CHAT_MODELS=openai:sim-plain,anthropic:sim-reasoning,google:sim-stall
  export CHAT_COMPATIBLE_SERVERS='[{"name": "sim", "base_url": "http://127.0.0.1:8123/v1", "api_key": "any",
                                    "models": ["sim-long"]}]'    # Chat Completions
  make run

Any other model name answers as sim-plain does. What the names do:

"""
CONTROL = """

Control calls (see tests/simulator/control.py and scripts.py for all fields):

  curl 127.0.0.1:8123/simulator/scripts -d '{"model": "gpt-x", "queue": [{"status": 529}], "script": {"text": "Hi!"}}'
  curl 127.0.0.1:8123/simulator/requests
"""


async def serve(port: int, default: Script) -> None:
    stopping = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopping.set)
    async with simulator_listening(port, default) as url:
        print("simulator listening on", url, flush=True)
        await stopping.wait()


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulator",
        description=__doc__,
        epilog=TRY_THE_SITE + described() + CONTROL,
        formatter_class=formatter,
    )
    parser.add_argument("--port", type=int, default=8123, help="0 picks a free one (default: 8123)")
    parser.add_argument("--tokens-per-s", type=float, default=50.0, help="of models nobody has scripted (default: 50)")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, Script(tokens_per_s=arguments.tokens_per_s)))


if __name__ == "__main__":
    main()
