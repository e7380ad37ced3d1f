"""Fixtures of all tests. Real parts: a provider simulator, server processes, Chromium."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Site, make_template, running_site, simulated
from tests.simulator.client import SimulatorClient, start_simulator

LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Fast tests first: what breaks is known soon. Packages that are not named come between the pure ones and the servers.
FIRST, LAST = ("providers", "streaming", "conversations", "rendering"), ("simulator", "site", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=order)


def order(item: pytest.Item) -> tuple[bool, int]:
    """Slow ones last; otherwise by package."""
    package = item.path.parent.name
    if package in FIRST:
        place = FIRST.index(package)
    else:
        place = len(FIRST) + (LAST.index(package) + 1 if package in LAST else 0)
    return item.get_closest_marker("slow") is not None, place


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
    """A migrated database with alice, bob and carol, all signed in."""
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def site(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[Site]:
    """A server process of one's own, with models of all four APIs at the simulator."""
    models = "openai:sim,anthropic:sim,google:sim,sim:sim"
    with running_site(template, tmp_path / "site", **simulated(simulator, models)) as running:
        yield running


@pytest.fixture(scope="module")
def shared_site(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Site]:
    """The same for all tests of a module: for those that need no restart and mind nobody else's rows."""
    folder = tmp_path_factory.mktemp("site")
    models = "openai:sim,anthropic:sim,google:sim,sim:sim"
    with running_site(template, folder, **simulated(simulator_process, models)) as running:
        yield running
