"""A Redis or PostgreSQL of a test's own, to be stopped, frozen and started again."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import redis

from tests.servers import PATIENCE_S, free_port, wait_for

REDIS = shutil.which("redis-server")
POSTGRES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
# PostgreSQL refuses to be run by root.
POSTGRES_USER = "postgres" if os.geteuid() == 0 else None

needs_redis = pytest.mark.skipif(REDIS is None, reason="redis-server is not installed")
needs_postgres = pytest.mark.skipif(POSTGRES is None, reason="PostgreSQL's programs are not installed")


@dataclass
class OwnServer:
    url: str
    command: list[str]
    is_ready: Callable[[], object]
    stop_signal: signal.Signals
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(self.command, user=self.user, stdout=quiet, stderr=quiet, cwd="/")
        wait_for(self.is_ready, otherwise=f"no start: {self.command}")

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(self.stop_signal)
        self.process.wait(PATIENCE_S)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def running(self) -> Iterator["OwnServer"]:
        self.start()
        try:
            yield self
        finally:
            self.stop()


@contextmanager
def own_redis() -> Iterator[OwnServer]:
    port = free_port()
    command = [str(REDIS), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    client = redis.Redis(port=port)

    def is_ready() -> bool:
        with suppress(redis.ConnectionError):
            return bool(client.ping())
        return False

    with client, OwnServer(f"redis://127.0.0.1:{port}/0", command, is_ready, signal.SIGTERM).running() as server:
        yield server


@contextmanager
def own_postgres() -> Iterator[OwnServer]:
    assert POSTGRES is not None
    port = free_port()
    url = f"postgres://root@127.0.0.1:{port}/postgres"

    def is_ready() -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return True
        return False

    with TemporaryDirectory(dir="/tmp") as folder:
        if POSTGRES_USER:
            shutil.chown(folder, POSTGRES_USER)
        made = [POSTGRES / "initdb", "--pgdata", f"{folder}/data", "--username", "root", "--auth", "trust", "--no-sync"]
        subprocess.run(made, user=POSTGRES_USER, check=True, capture_output=True, cwd="/")
        options = f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        command = [str(POSTGRES / "postgres"), "-D", f"{folder}/data", *options.split()]
        with OwnServer(url, command, is_ready, signal.SIGINT, POSTGRES_USER).running() as server:
            yield server
