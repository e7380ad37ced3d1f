"""The server process: the site, or a relay that only passes bytes on; and what it uses."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from tests.bench.cores import SERVER_CORE, on_core
from tests.servers import ROOT, Site, make_template

MB = 1_000_000


@dataclass
class BenchedSite(Site):
    """With `profile`, a sampling profiler runs in it and writes there."""

    profile: Path | None = None

    def command(self) -> list[str]:
        python, module, *rest = super().command()
        runner = ["tests.bench.profiled", str(self.profile)] if self.profile else []
        return [python, module, *runner, *rest]


@dataclass(frozen=True)
class Reading:
    """What the process has used at a moment: CPU so far, resident memory, OS threads."""

    at_s: float
    cpu_s: float
    memory_mb: float
    threads: int

    def cpu_since(self, before: "Reading") -> float:
        """Share of a core."""
        return (self.cpu_s - before.cpu_s) / (self.at_s - before.at_s)


@dataclass
class Server:
    """A running process on the server's core. `started_in_s` is the time until it answered."""

    port: int
    process: psutil.Process
    started_in_s: float = 0.0
    is_profiled: bool = False

    def tell_profiler(self, number: int) -> None:
        """See profiled.py; nothing when there is none."""
        if self.is_profiled:
            self.process.send_signal(number)

    def read(self) -> Reading:
        """The process and its children."""
        family = [self.process, *self.process.children(recursive=True)]
        cpu = [process.cpu_times() for process in family]
        return Reading(
            at_s=time.monotonic(),
            cpu_s=sum(times.user + times.system for times in cpu),
            memory_mb=sum(process.memory_info().rss for process in family) / MB,
            threads=sum(process.num_threads() for process in family),
        )


@contextlib.contextmanager
def site_server(folder: Path, settings: dict[str, str], server: str, profile: Path | None) -> Iterator[Server]:
    """The site on a fresh SQLite database, killed at the end."""
    site = BenchedSite(make_template(folder), settings, server=server, profile=profile)
    began = time.monotonic()
    with on_core(SERVER_CORE):
        site.start()
    try:
        yield Server(site.port, psutil.Process(site.pid), time.monotonic() - began, profile is not None)
    finally:
        site.kill()


@contextlib.contextmanager
def relay_server(target_port: int) -> Iterator[Server]:
    command = [sys.executable, "-m", "tests.bench.relay", str(target_port)]
    with on_core(SERVER_CORE):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout
            yield Server(int(process.stdout.readline()), psutil.Process(process.pid))
        finally:
            process.kill()
