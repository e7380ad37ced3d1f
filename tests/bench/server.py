"""The server: the site in one process or two, or a relay that only passes bytes on; and what it uses."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.bench.cores import SERVER_CORE, on_core
from tests.processes import ROOT, from_nothing
from tests.servers import Site, make_template, postgres_database

MB = 1_000_000


@dataclass
class BenchedSite(Site):
    """With `profile`, a sampling profiler runs in it and writes there."""

    profile: Path | None = None

    def command(self) -> list[str]:
        runner = ["tests.bench.profiled", str(self.profile)] if self.profile else []
        return [*runner, *super().command()]


@dataclass(frozen=True)
class Reading:
    """What the server has used at a moment: CPU so far, resident memory, OS threads."""

    at_s: float
    cpu_s: float
    memory_mb: float
    threads: int

    def cpu_since(self, before: "Reading") -> float:
        """Share of a core."""
        return (self.cpu_s - before.cpu_s) / (self.at_s - before.at_s)


@dataclass
class Server:
    """Running processes on the server's core, each at its port. `started_in_s` is the time until all answered."""

    name: str
    ports: list[int]
    processes: list[psutil.Process]
    started_in_s: float = 0.0
    is_profiled: bool = False

    def tell_profiler(self, number: int) -> None:
        """See profiled.py; nothing when there is none."""
        if self.is_profiled:
            self.processes[0].send_signal(number)

    def read(self) -> Reading:
        """The processes and their children."""
        family = [each for process in self.processes for each in (process, *process.children(recursive=True))]
        cpu = [process.cpu_times() for process in family]
        return Reading(
            at_s=time.monotonic(),
            cpu_s=sum(times.user + times.system for times in cpu),
            memory_mb=sum(process.memory_info().rss for process in family) / MB,
            threads=sum(process.num_threads() for process in family),
        )


@contextlib.contextmanager
def site_server(
    folder: Path, settings: dict[str, str], server: str, processes: int, profile: Path | None = None
) -> Iterator[Server]:
    """The site on a fresh database, killed at the end: SQLite for one process, PostgreSQL and Redis for two."""
    with contextlib.ExitStack() as closing:
        if processes > 1:
            database = closing.enter_context(postgres_database(os.environ["TEST_POSTGRES_URL"]))
            settings = settings | {"DATABASE_URL": database, "REDIS_URL": os.environ["TEST_REDIS_URL"]}
        else:
            make_template(folder)
        sites = [
            BenchedSite(folder, settings, server=server, profile=profile, begin=from_nothing) for _ in range(processes)
        ]
        began = time.monotonic()
        with on_core(SERVER_CORE):
            for site in sites:
                closing.callback(site.kill)
                site.start()
        name = server if processes == 1 else f"{server} x {processes}"
        found = [psutil.Process(site.pid) for site in sites]
        yield Server(name, [site.port for site in sites], found, time.monotonic() - began, profile is not None)


@contextlib.contextmanager
def relay_server(target_port: int) -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.bench.relay", str(target_port)]
    with on_core(SERVER_CORE):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout
            yield Server("relay", [int(process.stdout.readline())], [psutil.Process(process.pid)])
        finally:
            process.kill()
