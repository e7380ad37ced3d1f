"""`python -m tests.soak`: see tests/soak/__init__.py."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom

import django

from tests.servers import SERVERS, make_template


def main() -> int:
    arguments = options().parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CHAT_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "chatsite.settings"}
        django.setup()
        return soaked(arguments, Path(folder))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--cycles", type=int, default=2000)
    parser.add_argument("--warm-up", type=int, default=300, help="cycles before what the processes hold is counted")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--only", type=int, metavar="CYCLE", help="live that cycle of the seed alone")
    parser.add_argument("--processes", type=int, default=1, help="from 2 on with TEST_POSTGRES_URL and TEST_REDIS_URL")
    parser.add_argument("--server", choices=SERVERS, default="daphne")
    parser.add_argument("--people", type=int, default=16, help="cycles at once")
    return parser


def soaked(arguments: argparse.Namespace, folder: Path) -> int:
    """0 if all is as it should be."""
    from tests.soak.held import grown_types
    from tests.soak.soaking import Soak

    print(f"seed {arguments.seed}", flush=True)
    soak = Soak(arguments.seed, arguments.processes, arguments.server, arguments.people)
    first, began = arguments.only, time.monotonic()
    warm_up = range(arguments.warm_up) if first is None else range(0)
    cycles = range(warm_up.stop, warm_up.stop + arguments.cycles) if first is None else range(first, first + 1)
    wrong = soak.run(make_template(folder / "template"), folder, warm_up, cycles)
    print(f"{len(cycles)} cycles after {len(warm_up)} of warm-up in {time.monotonic() - began:.0f} s")
    if soak.before and soak.after:
        for name, count in soak.after.counts.items():
            print(f"{name:24} {soak.before.counts.get(name, 0):6} {count:6}")
        for name, mb in soak.after.memory_mb.items():
            print(f"{'MB of ' + name:24} {soak.before.memory_mb[name]:6.1f} {mb:6.1f}")
        print("more objects:", grown_types(soak.before, soak.after, len(cycles)))
        print(*soak.after.traced, sep="\n")
    print(*wrong[:5], sep="\n\n")
    print(f"{len(wrong)} wrong" if wrong else "all as before")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
