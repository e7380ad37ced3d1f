"""One site for all tests of this package that need no restart, and people who use it."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.servers import Site, running_site, simulated
from tests.simulator.client import SimulatorClient

LETTERS = "abcdefgh"
RECORDED = {
    "openai_responses": "openai:recorded-responses",
    "openai_chat": "sim:recorded-chat",
    "anthropic": "anthropic:recorded-messages",
    "google": "google:recorded-content",
}
# `sim` answers on all four wire APIs; tests that script several models at once take the others.
MODELS = [
    *(f"{provider}:sim" for provider in ("sim", "openai", "anthropic", "google")),
    *(f"sim:{letter}" for letter in LETTERS),
    *RECORDED.values(),
]


def without_companies(simulator: SimulatorClient, models: str) -> dict[str, str]:
    """Settings of a site that knows a compatible server only: no SDK is imported at its start that nobody asks."""
    return {name: value for name, value in simulated(simulator, models).items() if name.startswith("CHAT_")}


@pytest.fixture(scope="package")
def shared_site(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Site]:
    settings = simulated(simulator_process, ",".join(MODELS))
    with running_site(template, tmp_path_factory.mktemp("site"), **settings) as running:
        yield running


@pytest.fixture
def alice(shared_site: Site) -> Iterator[httpx2.Client]:
    with shared_site.signed_in("alice") as client:
        yield client


@pytest.fixture
def bob(shared_site: Site) -> Iterator[httpx2.Client]:
    with shared_site.signed_in("bob") as client:
        yield client
