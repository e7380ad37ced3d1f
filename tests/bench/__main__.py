"""`python -m tests.bench`: measures the site on this machine in some minutes; `--all` takes about nine.

Every run is also made through a relay that only passes bytes on, so that each figure is a ratio, too. Two processes
need TEST_POSTGRES_URL and TEST_REDIS_URL.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import report
from tests.bench.cores import LOAD_CORE, on_core
from tests.bench.figures import Run
from tests.bench.install import install_mb
from tests.bench.scenarios import LONG, SHORT, THINKS_S, many, one_by_one
from tests.bench.server import Reading, Server, relay_server, site_server
from tests.bench.upstream import listen
from tests.bench.visitor import visit
from tests.servers import WARM, simulated
from tests.simulator.client import SimulatorClient, start_simulator_process

WARM_UP = 6
ALONE = 10
# So many streams are also begun with a model that thinks before it speaks.
RUSH = 50
# So many longer ones are also begun one after the other: for some seconds all of them stream, and none begins or ends.
HELD, HELD_WITHIN_S, HELD_TOKENS = 200, 10.0, 1_200
MODELS = f"openai:{LONG},openai:{SHORT}"
TWO_NEED = ("TEST_POSTGRES_URL", "TEST_REDIS_URL")


def main() -> None:
    arguments = options().parse_args()
    if 2 in arguments.processes and not os.environ.keys() >= set(TWO_NEED):
        sys.exit(f"Two processes share a database and Redis: say where they are in {' and '.join(TWO_NEED)}.")
    runs: list[Run] = []
    servers: list[tuple[Server, Reading]] = []
    with on_core(LOAD_CORE), start_simulator_process() as simulator:
        gc.disable()
        if not arguments.site_only:
            runs += without_site(simulator, arguments.streams)
        for processes in arguments.processes:
            for name in arguments.server:
                print(f"measuring {name}, {processes} of them", file=sys.stderr)
                with tempfile.TemporaryDirectory() as folder:
                    settings = simulated(simulator, MODELS) | WARM
                    with site_server(Path(folder), settings, name, processes, arguments.profile) as server:
                        idle, measured = with_site(simulator, server, arguments.streams)
                servers.append((server, idle))
                runs += measured
    tell(runs, servers, arguments.json)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--server", type=words, default=["daphne", "uvicorn"], help="default daphne,uvicorn")
    parser.add_argument("--processes", type=numbers, default=[1], help="of the site, 1, 2 or 1,2; default 1")
    parser.add_argument("--streams", type=numbers, default=[1, 50, 200], help="streams at once, default 1,50,200")
    parser.add_argument("--all", action=All, nargs=0, help="the same as --processes 1,2 --streams 1,50,200,300")
    parser.add_argument("--site-only", action="store_true", help="without the simulator alone and the relay")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures")
    parser.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="where the (last) server's CPU goes, while answers stream and while they start and end",
    )
    return parser


class All(argparse.Action):
    def __call__(self, _parser: object, chosen: argparse.Namespace, *_: object) -> None:
        chosen.processes, chosen.streams = [1, 2], [1, 50, 200, 300]


def words(text: str) -> list[str]:
    return text.split(",")


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def without_site(simulator: SimulatorClient, streams: list[int]) -> list[Run]:
    """Straight from the simulator, and through a relay, which is the least that a server in between can do."""
    port = urlsplit(simulator.url).port or 0
    with relay_server(port) as relay:
        runs = []
        for count in streams:
            runs.append(asyncio.run(many("simulator", partial(listen, [port]), count, simulator, None)))
            runs.append(asyncio.run(many("relay", partial(listen, relay.ports), count, simulator, relay)))
        return runs


def with_site(simulator: SimulatorClient, server: Server, streams: list[int]) -> tuple[Reading, list[Run]]:
    site = partial(visit, server.ports)
    asyncio.run(one_by_one("warm-up", site, WARM_UP, simulator))
    idle = server.read()
    server.tell_profiler(signal.SIGUSR2)
    alone = f"{server.name}, one by one"
    runs = [asyncio.run(one_by_one(alone, site, ALONE, simulator, thinks_s)) for thinks_s in (0.0, THINKS_S)]
    if RUSH in streams:
        runs.append(asyncio.run(many(server.name, site, RUSH, simulator, server, THINKS_S)))
    runs += [asyncio.run(many(server.name, site, count, simulator, server)) for count in streams]
    if HELD in streams:
        name = f"{server.name}, {HELD_TOKENS:,} tokens"
        runs.append(asyncio.run(many(name, site, HELD, simulator, server, within_s=HELD_WITHIN_S, tokens=HELD_TOKENS)))
    server.tell_profiler(signal.SIGUSR2)
    return idle, runs


def tell(runs: list[Run], servers: list[tuple[Server, Reading]], file: Path | None) -> None:
    print(report.figures(runs), report.ratios(runs), report.at_rest(servers), sep="\n\n")
    print("", *report.first_token_steps(runs), f"installed: {install_mb():.0f} MB", sep="\n")
    for failure in [f"{run.name}, {run.streams}: {failure}" for run in runs for failure in run.failures][:10]:
        print("failed:", failure)
    if file:
        idle = {server.name: asdict(reading) for server, reading in servers}
        file.write_text(json.dumps({"idle": idle, "runs": [asdict(run) for run in runs]}, indent=1))


if __name__ == "__main__":
    main()
