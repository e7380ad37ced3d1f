"""Real server processes for tests: the site as people run it, on a database of its own."""

import hashlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import sqlite3
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import psutil
import psycopg

from tests.processes import ROOT, Begin, Forked, Process, completed, end, from_nothing
from tests.simulator.client import SimulatorClient

PEOPLE = ("alice", "bob", "carol")
# These only end tests that would wait for ever: far more than anything takes on a busy machine.
STARTS_WITHIN_S = 120
PATIENCE_S = 120
# Below those that the kernel gives to outgoing connections.
PORTS = range(20_000, 32_000)
# How each server is told where to listen, and to say little.
SERVERS = {
    "daphne": "chatsite.daphne -b 127.0.0.1 -p {port} -v 0",
    "uvicorn": "uvicorn --host 127.0.0.1 --port {port} --log-level warning --no-access-log",
    "granian": "granian --interface asgi --host 127.0.0.1 --port {port} --log-level warning",
}
# Whose settings begin with which word.
COMPANIES = {"OPENAI": "openai", "ANTHROPIC": "anthropic", "GEMINI": "google", "GOOGLE": "google"}
# All people of a test are signed in already: their session keys are known.
SESSION = "session0of0{:0>22}".format

MIGRATE_AND_MAKE_PEOPLE = f"""
from datetime import datetime, UTC
from django.core.management import call_command
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
call_command("migrate", verbosity=0)
for name in {PEOPLE!r}:
    carol = name == "carol"
    user = get_user_model()(username=name, email=name + "@example.org", is_staff=carol, is_superuser=carol)
    user.set_unusable_password()
    user.save()
    signed_in = {{
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "conversations.signed_in.Accounts",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }}
    Session.objects.save("session0of0" + name.rjust(22, "0"), signed_in, datetime(2100, 1, 1, tzinfo=UTC))
"""


def free_port() -> int:
    """A port that no other caller gets, of whatever process, as long as this one lives.

    The claim is the UDP port of the same number, held until the process ends. The kernel hands none of these out by
    itself, so a server that was killed finds its port free again.
    """
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe, socket.socket(type=socket.SOCK_DGRAM) as claim:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                claim.bind(("127.0.0.1", port))
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            claim.detach()
            return port
    raise RuntimeError(f"no port of {PORTS} is free")


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """The environment of a server process: nothing of ours leaks in from the shell."""
    ours = ("CHAT_", "DJANGO_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "DATABASE_URL", "REDIS_URL", "CELERY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "CHAT_DATA_DIR": str(data_dir),
        "DJANGO_SECRET_KEY": "of tests",
        "CHAT_WARM_UP": "false",
        "PYTHONWARNINGS": "default",
        **settings,
    }


# For servers that live long, and where time or memory is measured. The others are killed before they are warm.
WARM = {"CHAT_WARM_UP": "true"}


def simulated(simulator: SimulatorClient, models: str) -> dict[str, str]:
    """Settings that point the APIs of `models`, which is CHAT_MODELS, at the simulator. Titles cost no call.

    Companies that are not among them have no key: a server imports the SDKs of all that have one, for seconds.
    """
    server = {"name": "sim", "base_url": f"{simulator.url}/v1", "api_key": "k", "models": []}
    asked = {model.partition(":")[0] for model in models.split(",")}
    return {
        **{name: value for name, value in simulator.environment.items() if COMPANIES[name.partition("_")[0]] in asked},
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
    run = completed(["manage", *arguments], environment(data_dir, **settings))
    assert run.returncode == 0, run.stderr
    return run.stdout


def make_template(folder: Path) -> Path:
    """A migrated SQLite database with alice, bob and carol, made once and copied for every site."""
    manage(folder, "shell", "--no-imports", "-c", MIGRATE_AND_MAKE_PEOPLE)
    with sqlite3.connect(folder / "db.sqlite3") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return folder


@contextmanager
def postgres_database(server_url: str) -> Iterator[str]:
    """A database of one's own on that PostgreSQL, with the same people; gives its URL. Dropped at the end."""
    name = f"chat_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {postgres_template(server, server_url)}")
        try:
            yield at_database(server_url, name)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def postgres_template(server: psycopg.Connection, server_url: str) -> str:
    """The name of a migrated database to copy, made once on each server for each state of the migrations."""
    name = f"chat_template_{schema_digest()}"
    server.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
    try:
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            unready = f"{name}_{secrets.token_hex(3)}"
            server.execute(f"CREATE DATABASE {unready}")
            with TemporaryDirectory() as folder:
                url = at_database(server_url, unready)
                manage(Path(folder), "shell", "--no-imports", "-c", MIGRATE_AND_MAKE_PEOPLE, DATABASE_URL=url)
            # Nobody, vacuum included, may be connected to what is copied.
            server.execute(f"ALTER DATABASE {unready} ALLOW_CONNECTIONS false")
            server.execute(f"ALTER DATABASE {unready} RENAME TO {name}")
    finally:
        server.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])
    return name


def schema_digest() -> str:
    """What decides how a migrated database looks: our migrations, the versions of all packages, and the people."""
    ours = [path.read_bytes() for path in sorted(ROOT.glob("*/migrations/*.py"))]
    locked = (ROOT / "requirements" / "base.txt").read_bytes()
    return hashlib.sha256(b"\0".join([*ours, locked, MIGRATE_AND_MAKE_PEOPLE.encode()])).hexdigest()[:12]


def at_database(server_url: str, name: str) -> str:
    return f"{server_url.rpartition('/')[0]}/{name}"


@dataclass
class Site:
    """One server process of the site. `settings` are environment variables, `server` is one of SERVERS.

    `begin` is how its process begins: forked, or from nothing.
    """

    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: Process | None = None
    server: str = "daphne"
    application: str = "chatsite.asgi:application"
    begin: Begin = Forked

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def serving_pid(self) -> int:
        """The process that runs the application: granian's is a child of the one that was started."""
        children = psutil.Process(self.pid).children()
        return children[0].pid if children else self.pid

    def command(self) -> list[str]:
        """A module and its arguments."""
        return [*SERVERS[self.server].format(port=self.port).split(), self.application]

    def start(self) -> None:
        # granian starts a process of its own, from nothing.
        begin = from_nothing if self.server == "granian" else self.begin
        self.process = begin(self.command(), environment(self.data_dir, **self.settings), self.data_dir / "server.log")
        wait_for(self.answers, STARTS_WITHIN_S, lambda: f"no start: {self.log()}")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=PATIENCE_S) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def log(self) -> str:
        return (self.data_dir / "server.log").read_text()

    def kill(self) -> None:
        """kill -9, of what the server has started, too."""
        if self.process is not None:
            end(self.process)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.tell()
            self.left()

    def tell(self, number: int = signal.SIGTERM) -> None:
        """What a supervisor tells the process it knows."""
        assert self.process is not None
        self.process.send_signal(number)

    def left(self, within_s: float = PATIENCE_S) -> None:
        """Wait until the process is gone."""
        assert self.process is not None
        self.process.wait(within_s)

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
        client = httpx2.Client(base_url=self.url, timeout=PATIENCE_S, follow_redirects=False)
        client.cookies.set("sessionid", SESSION(name))
        client.cookies.set("csrftoken", "c" * 32)
        client.headers["X-CSRFToken"] = "c" * 32
        client.headers["Referer"] = self.url
        return client


@contextmanager
def running_site(
    template: Path,
    folder: Path,
    *,
    server: str = "daphne",
    application: str = "chatsite.asgi:application",
    begin: Begin = Forked,
    **settings: str,
) -> Iterator[Site]:
    """A started site on a copy of `template`; killed at the end."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    site = Site(folder, settings, server=server, application=application, begin=begin)
    site.start()
    try:
        yield site
    finally:
        site.kill()


def wait_for(fact: Any, within_s: float = PATIENCE_S, otherwise: Any = "it did not happen") -> Any:
    """Wait until `fact()` is true and give its value; fail with `otherwise` after `within_s` seconds."""
    until = time.monotonic() + within_s
    while not (value := fact()):
        assert time.monotonic() < until, otherwise() if callable(otherwise) else otherwise
        time.sleep(0.02)
    return value
