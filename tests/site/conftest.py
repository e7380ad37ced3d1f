"""One site for all tests of this package that need no restart, and people who use it."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.servers import WARM, Site, postgres_database, running_site, simulated
from tests.simulator.client import SimulatorClient
from tests.site.pairs import Pair, running_together

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


@pytest.fixture(scope="package")
def shared_site(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Site]:
    settings = simulated(simulator_process, ",".join(MODELS)) | WARM
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


@pytest.fixture(scope="package")
def pair(tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient) -> Iterator[Pair]:
    """Two processes on PostgreSQL and Redis that nobody harms."""
    with postgres_database(os.environ["TEST_POSTGRES_URL"]) as url:
        settings = simulated(simulator_process, ",".join(["sim:sim", *(f"sim:{letter}" for letter in LETTERS)])) | WARM
        settings |= {"DATABASE_URL": url, "REDIS_URL": os.environ["TEST_REDIS_URL"]}
        with running_together(tmp_path_factory.mktemp("pair"), settings, settings) as (writer, other):
            yield Pair(writer, other)
