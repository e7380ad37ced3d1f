"""Limits hold under parallel posts, on every database there is; who is refused keeps the text and learns what to do."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from tests.servers import Site, postgres_database, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask, stop

PARALLEL = 50


@pytest.fixture
def narrow_site(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[Site]:
    settings = {
        **simulated(simulator, "sim:sim"),
        "CHAT_RUNS_PER_USER": "3",
        "CHAT_RUNS_PER_PROCESS": "4",
        "CHAT_QUEUE_LENGTH": "1",
        "CHAT_MESSAGES_PER_MINUTE": "60",
    }
    with running_site(template, tmp_path / "site", **settings) as running:
        yield running


def post(client: httpx2.Client, text: str = "Hello") -> httpx2.Response:
    return client.post("/", data={"text": text, "model": "sim:sim", "client_key": str(uuid4())})


def active(site: Site) -> int:
    return int(site.rows("SELECT count(*) FROM conversations_generation WHERE status = 'active'")[0][0])


def test_of_fifty_questions_at_once_three_are_answered(narrow_site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"stall_before_first": True})
    with narrow_site.signed_in("alice") as alice, ThreadPoolExecutor(10) as together:
        statuses = Counter(response.status_code for response in together.map(lambda _: post(alice), range(PARALLEL)))

    assert statuses == {302: 3, 429: PARALLEL - 3}
    assert active(narrow_site) == 3
    assert narrow_site.rows("SELECT count(*) FROM conversations_conversation") == [(3,)], "a refused one left a row"


def test_the_fourth_keeps_its_text_and_is_told_what_could_be_stopped(
    narrow_site: Site, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"stall_before_first": True})
    with narrow_site.signed_in("alice") as alice:
        running = [ask(narrow_site, alice, f"Question {number}") for number in range(3)]
        refused = post(alice, "One <more>")
        stop(alice, running[0])
        running[0].ended()
        accepted = post(alice, "One <more>")

    assert refused.status_code == 429
    assert "One &lt;more&gt;</textarea>" in refused.text
    assert all(exchange.url in refused.text for exchange in running)
    assert accepted.status_code == 302


def test_who_finds_no_place_waits_in_line_and_the_next_is_refused_with_a_time(
    narrow_site: Site, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"stall_before_first": True})
    with (
        narrow_site.signed_in("alice") as alice,
        narrow_site.signed_in("bob") as bob,
        narrow_site.signed_in("carol") as carol,
    ):
        running = [ask(narrow_site, alice) for _ in range(3)] + [ask(narrow_site, bob)]
        waiting = ask(narrow_site, bob, "I can wait")
        refused = post(carol)
        wait_for(lambda: len(simulator.requests(purpose="answer")) == 4)
        simulator.script("sim", {"text": "Your turn."})
        stop(alice, running[0])

        assert waiting.ended().text == "Your turn."
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert "the line is full" in refused.text


def test_messages_within_a_minute_are_counted(template: Path, tmp_path: Path, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "Yes.", "tokens_per_s": 0})
    settings = {**simulated(simulator, "sim:sim"), "CHAT_MESSAGES_PER_MINUTE": "5"}
    with running_site(template, tmp_path / "site", **settings) as site, site.signed_in("alice") as alice:
        for _ in range(5):
            ask(site, alice).ended()
        refused = post(alice)

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "60"


@pytest.fixture
def postgres_sites(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[list[Site]]:
    """Two processes on one PostgreSQL database."""
    with postgres_database(os.environ["TEST_POSTGRES_URL"]) as url:
        settings = {**simulated(simulator, "sim:sim"), "CHAT_RUNS_PER_USER": "3", "DATABASE_URL": url}
        with (
            running_site(template, tmp_path / "one", **settings) as one,
            running_site(template, tmp_path / "two", **settings) as two,
        ):
            yield [one, two]


@pytest.mark.skipif("TEST_POSTGRES_URL" not in os.environ, reason="TEST_POSTGRES_URL is not set: no PostgreSQL to try")
def test_on_postgresql_two_processes_together_keep_the_limit(
    postgres_sites: list[Site], simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"stall_before_first": True})
    clients = [site.signed_in("alice") for site in postgres_sites]
    with ThreadPoolExecutor(10) as together:
        responses = together.map(lambda number: post(clients[number % 2]), range(PARALLEL))
        statuses = Counter(response.status_code for response in responses)
    for client in clients:
        client.close()

    assert statuses == {302: 3, 429: PARALLEL - 3}
