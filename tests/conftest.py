"""Fixtures of all tests, and how they share several processes. Real parts: a provider simulator, servers, Chromium."""

import os
import shutil
import socket
from collections.abc import Generator, Iterator
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings as SETTINGS

from tests.quiet import Room
from tests.servers import Site, make_template, running_site, simulated
from tests.simulator.client import SimulatorClient, start_simulator

LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Whole files are dealt out to the processes: long ones first, so that short ones fill the end for all of them.
PACKAGES = ("soak", "site", "browser", "accounting", "exporting", "admin")
REDIS_DATABASES = 16
ROOM = pytest.StashKey[Room]()


# A busy machine is no failure.
SETTINGS.register_profile("here", deadline=None, print_blob=True, derandomize="TEST_SEED" in os.environ)
SETTINGS.load_profile("here")


def pytest_configure(config: pytest.Config) -> None:
    """The processes of one run meet in the folder that holds theirs. Each has a Redis database of its own."""
    # Else every server, worker and command would compile all of ours again: a third of a second of each start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        config.stash[ROOM] = Room(Path(config.option.basetemp).parent)
        if url := os.environ.get("TEST_REDIS_URL"):
            os.environ["TEST_REDIS_URL"] = own_redis_url(url, int(worker.removeprefix("gw")))


def own_redis_url(url: str, worker: int) -> str:
    server, _, number = url.rpartition("/")
    return f"{server}/{(int(number) + worker) % REDIS_DATABASES}"


def pytest_unconfigure(config: pytest.Config) -> None:
    if room := config.stash.get(ROOM, None):
        room.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    room = item.config.stash.get(ROOM, None)
    if room is None:
        return (yield)
    with room.entered(alone=is_quiet(item)):
        return (yield)


def is_quiet(item: pytest.Item) -> bool:
    return item.get_closest_marker("quiet") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=order)


def order(item: pytest.Item) -> tuple[bool, int, bool]:
    """Quiet ones first, while no slow one is in their way; otherwise by package, and there those with the slow ones."""
    package = item.path.parent.name
    place = PACKAGES.index(package) if package in PACKAGES else len(PACKAGES)
    return not is_quiet(item), place, item.get_closest_marker("slow") is None


@pytest.fixture(autouse=True, scope="session")
def nothing_leaves_this_machine() -> Iterator[None]:
    """Calls to real providers are refused: only loopback addresses and sockets of this machine can be reached."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test wanted to reach {address[0]}")
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[SimulatorClient]:
    with start_simulator() as client:
        yield client


@pytest.fixture
def simulator(simulator_process: SimulatorClient) -> SimulatorClient:
    """The provider simulator, with nothing scripted and nothing seen."""
    simulator_process.forget_scripts()
    simulator_process.forget_requests()
    return simulator_process


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with alice, bob and carol, all signed in. One for all processes of a run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "template"
    with (shared / "template.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not folder.exists():
            with TemporaryDirectory(dir=shared) as unready:
                shutil.copytree(make_template(Path(unready)), folder)
    return folder


@pytest.fixture
def site(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[Site]:
    """A server process of one's own, with models of two APIs at the simulator."""
    with running_site(template, tmp_path / "site", **simulated(simulator, "sim:sim,anthropic:sim")) as running:
        yield running
