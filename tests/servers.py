"""Real server processes for tests: the site as people run it, on a database of its own."""

import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import psycopg

from tests.simulator.client import SimulatorClient

ROOT = Path(__file__).parent.parent
PEOPLE = ("alice", "bob", "carol")
STARTS_WITHIN_S = 40
# How each server is told where to listen, and to say little.
SERVERS = {
    "daphne": "-b 127.0.0.1 -p {port} -v 0",
    "uvicorn": "--host 127.0.0.1 --port {port} --log-level warning --no-access-log",
}
# All people of a test are signed in already: their session keys are known.
SESSION = "session0of0{:0>22}".format

MAKE_PEOPLE = f"""
from datetime import datetime, UTC
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
for name in {PEOPLE!r}:
    carol = name == "carol"
    user = get_user_model()(username=name, email=name + "@example.org", is_staff=carol, is_superuser=carol)
    user.set_unusable_password()
    user.save()
    signed_in = {{
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }}
    Session.objects.save("session0of0" + name.rjust(22, "0"), signed_in, datetime(2100, 1, 1, tzinfo=UTC))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """The environment of a server process: nothing of ours leaks in from the shell."""
    ours = ("CHAT_", "DJANGO_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "DATABASE_URL", "REDIS_URL", "CELERY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "CHAT_DATA_DIR": str(data_dir),
        "DJANGO_SECRET_KEY": "of tests",
        "PYTHONWARNINGS": "default",
        **settings,
    }


def simulated(simulator: SimulatorClient, models: str) -> dict[str, str]:
    """Settings that point all four APIs at the simulator; `models` is CHAT_MODELS. Titles cost no call."""
    server = {"name": "sim", "base_url": f"{simulator.url}/v1", "api_key": "k", "models": []}
    return {
        **simulator.environment,
        "CHAT_COMPATIBLE_SERVERS": json.dumps([server]),
        "CHAT_MODELS": models,
        "CHAT_TITLES": "question",
        # What tests of other things must not meet: a second attempt, a limit.
        "CHAT_ATTEMPTS": "1",
        "CHAT_RUNS_PER_USER": "1000",
        "CHAT_RUNS_PER_PROCESS": "1000",
        "CHAT_MESSAGES_PER_MINUTE": "100000",
    }


def manage(data_dir: Path, *arguments: str, **settings: str) -> str:
    run = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(data_dir, **settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def make_template(folder: Path) -> Path:
    """A migrated SQLite database with alice, bob and carol, made once and copied for every site."""
    manage(folder, "migrate", "--verbosity", "0")
    manage(folder, "shell", "--no-imports", "-c", MAKE_PEOPLE)
    with sqlite3.connect(folder / "db.sqlite3") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return folder


@contextmanager
def postgres_database(server_url: str) -> Iterator[str]:
    """A database of one's own on that PostgreSQL, with the same people; gives its URL. Dropped at the end."""
    name = f"chat_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            url = f"{server_url.rpartition('/')[0]}/{name}"
            with TemporaryDirectory() as folder:
                manage(Path(folder), "migrate", "--verbosity", "0", DATABASE_URL=url)
                manage(Path(folder), "shell", "--no-imports", "-c", MAKE_PEOPLE, DATABASE_URL=url)
            yield url
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass
class Site:
    """One server process of the site. `settings` are environment variables, `server` is one of SERVERS."""

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    server: str = "daphne"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def command(self) -> list[str]:
        options = SERVERS[self.server].format(port=self.port).split()
        return [sys.executable, "-m", self.server, *options, "chatsite.asgi:application"]

    def start(self) -> None:
        log = (self.data_dir / "server.log").open("ab")
        self.process = subprocess.Popen(
            self.command(),
            cwd=ROOT,
            env=environment(self.data_dir, **self.settings),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        wait_for(self.answers, STARTS_WITHIN_S, lambda: f"no start: {self.log()}")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def log(self) -> str:
        return (self.data_dir / "server.log").read_text()

    def kill(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=30)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database holds, read beside the server."""
        if "DATABASE_URL" in self.settings:
            with psycopg.connect(self.settings["DATABASE_URL"]) as postgres:
                return postgres.execute(sql.replace("?", "%s"), values).fetchall()
        database = sqlite3.connect(self.data_dir / "db.sqlite3", timeout=10)
        try:
            return database.execute(sql, values).fetchall()
        finally:
            database.close()

    def signed_in(self, name: str) -> httpx2.Client:
        """A browser without a page: cookies of `name`, and a CSRF token for its posts."""
        client = httpx2.Client(base_url=self.url, timeout=30, follow_redirects=False)
        client.cookies.set("sessionid", SESSION(name))
        client.cookies.set("csrftoken", "c" * 32)
        client.headers["X-CSRFToken"] = "c" * 32
        client.headers["Referer"] = self.url
        return client


@contextmanager
def running_site(template: Path, folder: Path, *, server: str = "daphne", **settings: str) -> Iterator[Site]:
    """A started site on a copy of `template`; killed at the end."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    site = Site(folder, settings, server=server)
    site.start()
    try:
        yield site
    finally:
        site.kill()


def wait_for(fact: Any, within_s: float = 20, otherwise: Any = "it did not happen") -> Any:
    """Wait until `fact()` is true and give its value; fail with `otherwise` after `within_s` seconds."""
    until = time.monotonic() + within_s
    while not (value := fact()):
        assert time.monotonic() < until, otherwise() if callable(otherwise) else otherwise
        time.sleep(0.02)
    return value
