"""`python -m tests.bench`: measures the site on this machine in a minute and a half."""

import argparse
import asyncio
import gc
import json
import signal
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import report
from tests.bench.cores import LOAD_CORE, on_core
from tests.bench.figures import Run
from tests.bench.install import install_mb
from tests.bench.scenarios import LONG, SHORT, many, one_by_one
from tests.bench.server import Server, relay_server, site_server
from tests.bench.upstream import listen
from tests.bench.visitor import visit
from tests.servers import simulated
from tests.simulator.client import SimulatorClient, start_simulator_process

WARM_UP = 5
ALONE = 10
MODELS = f"openai:{LONG},openai:{SHORT}"


def main() -> None:
    arguments = options().parse_args()
    with on_core(LOAD_CORE), start_simulator_process() as simulator, tempfile.TemporaryDirectory() as folder:
        gc.disable()
        runs = [] if arguments.site_only else without_site(simulator, arguments.streams)
        settings = simulated(simulator, MODELS)
        with site_server(Path(folder), settings, arguments.server, arguments.profile) as server:
            facts, measured = with_site(simulator, server, arguments)
    runs += measured
    print(report.table(runs), *report.first_token_steps(runs), sep="\n")
    print(*(f"{name}: {value}" for name, value in facts.items()), sep="\n")
    for failure in [failure for run in runs for failure in run.failures][:5]:
        print("failed:", failure)
    if arguments.json:
        arguments.json.write_text(json.dumps({**facts, "runs": [asdict(run) for run in runs]}, indent=1))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--server", choices=("daphne", "uvicorn"), default="daphne")
    parser.add_argument("--streams", type=numbers, default=[1, 50], help="streams at once, default 1,50")
    parser.add_argument(
        "--long",
        dest="streams",
        action="store_const",
        const=[1, 50, 200, 300],
        help="the same as --streams 1,50,200,300",
    )
    parser.add_argument("--site-only", action="store_true", help="without the simulator alone and the relay")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures")
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="where the server's CPU goes, while answers stream and while they start and end",
    )
    return parser


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def without_site(simulator: SimulatorClient, streams: list[int]) -> list[Run]:
    """Straight from the simulator, and through a relay, which is the least that a server in between can do."""
    port = urlsplit(simulator.url).port or 0
    with relay_server(port) as relay:
        runs = []
        for count in streams:
            runs.append(asyncio.run(many("simulator", partial(listen, port), count, simulator, None)))
            runs.append(asyncio.run(many("relay", partial(listen, relay.port), count, simulator, relay)))
        return runs


def with_site(
    simulator: SimulatorClient, server: Server, arguments: argparse.Namespace
) -> tuple[dict[str, str], list[Run]]:
    site = partial(visit, server.port)
    asyncio.run(one_by_one("warm-up", site, WARM_UP, simulator))
    idle = server.read()
    server.tell_profiler(signal.SIGUSR2)
    runs = [asyncio.run(one_by_one("one by one", site, ALONE, simulator))]
    runs += [asyncio.run(many(arguments.server, site, count, simulator, server)) for count in arguments.streams]
    server.tell_profiler(signal.SIGUSR2)
    facts = {
        "start-up s": f"{server.started_in_s:.1f}",
        "idle memory MB": f"{idle.memory_mb:.0f}",
        "idle threads": str(idle.threads),
        "installed MB": f"{install_mb():.0f}",
    }
    return facts, runs


if __name__ == "__main__":
    main()
