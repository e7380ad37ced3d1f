"""`/healthz` and `/readyz`: what load balancers are told of a process and of what it needs."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.proxy import Proxy, start_proxy
from tests.servers import PATIENCE_S, Site, free_port, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask

READY = {"status": "ready", "database": "ok", "layer": "ok", "broker": "ok", "draining": False}
NEEDS = {"DATABASE_URL": "TEST_POSTGRES_URL", "REDIS_URL": "TEST_REDIS_URL", "CELERY_BROKER_URL": "TEST_RABBITMQ_URL"}


def readiness(site: Site) -> tuple[int, dict[str, Any]]:
    answer = httpx2.get(f"{site.url}/readyz", timeout=PATIENCE_S)
    return answer.status_code, answer.json()


def test_the_embedded_default_is_ready(shared_site: Site) -> None:
    assert readiness(shared_site) == (200, READY)


def test_a_load_balancer_may_ask_by_an_address_that_is_not_the_sites_name(shared_site: Site) -> None:
    with httpx2.Client(base_url=shared_site.url, headers={"Host": "10.1.2.3:8001"}) as balancer:
        asked = [balancer.get("/healthz"), balancer.head("/readyz"), balancer.get("/")]

    assert [(answer.status_code, answer.text[:3]) for answer in asked[:2]] == [(200, "ok\n"), (200, "")]
    assert asked[2].status_code == 400


@dataclass
class Grown:
    """A site whose database, layer and broker are each behind a proxy."""

    site: Site
    ways: dict[str, Proxy]

    def tells(self, code: int, **differs: Any) -> bool:
        return readiness(self.site) == (code, READY | differs)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    """Nobody signs in there: an empty database will do."""
    for name in NEEDS.values():
        if not os.environ.get(name):
            pytest.skip(f"{name} is not set")
    with ExitStack() as running:
        ways, settings = {}, {}
        for setting, name in NEEDS.items():
            url = urlsplit(os.environ[name])
            assert url.port
            ways[setting] = running.enter_context(start_proxy(url.port))
            user, at, _ = url.netloc.rpartition("@")
            settings[setting] = url._replace(netloc=f"{user}{at}127.0.0.1:{ways[setting].port}").geturl()
        site = Site(tmp_path_factory.mktemp("grown"), settings, free_port())
        running.callback(site.kill)
        site.start()
        yield Grown(site, ways)


@pytest.mark.parametrize(
    ("setting", "code", "told"),
    [
        ("REDIS_URL", 200, {"status": "degraded", "layer": "down"}),
        ("CELERY_BROKER_URL", 200, {"status": "degraded", "broker": "down"}),
        ("DATABASE_URL", 503, {"status": "not ready", "database": "down"}),
    ],
)
def test_only_a_process_without_its_database_is_taken_out(
    grown: Grown, setting: str, code: int, told: dict[str, Any]
) -> None:
    way = grown.ways[setting]
    wait_for(lambda: grown.tells(200))

    way.swallow()
    wait_for(lambda: grown.tells(code, **told))
    alive = httpx2.get(f"{grown.site.url}/healthz")
    way.restore()
    way.cut_open()
    wait_for(lambda: grown.tells(200))

    assert alive.status_code == 200


def test_a_process_that_ends_says_so_at_once_and_goes_on_serving(site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "The first half. The second half.", "tokens_per_s": 0, "hold_at": (16,)})
    with site.signed_in("alice") as client:
        exchange = ask(site, client)
        wait_for(exchange.segments)
        site.tell()
        wait_for(lambda: readiness(site) == (503, READY | {"status": "not ready", "draining": True}))
        page = client.get(exchange.url)
        simulator.release()
    site.left()

    assert page.status_code == 200
    assert exchange.text == "The first half. The second half."
