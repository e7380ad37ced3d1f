"""Answers in processes of their own: web processes leave runs to `manage.py rungenerator`."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from conversations.rendering.markdown import render
from tests.scraped import Scraped
from tests.servers import PATIENCE_S, STARTS_WITHIN_S, Site, free_port, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask, shown, stop
from tests.site.pairs import generator
from tests.site.viewing import follow
from tests.streaming.page import canonical

WORDS = "".join(f"Word {number}, with some more.\n\n" for number in range(40))


@pytest.fixture(scope="module")
def web(template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient) -> Iterator[Site]:
    settings = simulated(simulator_process, "sim:sim")
    settings |= {"CHAT_RUNS_IN": "generators", "CHAT_QUEUE_LENGTH": "2"}
    with running_site(template, tmp_path_factory.mktemp("web"), **settings) as site:
        yield site


@pytest.fixture
def alice(web: Site) -> Iterator[httpx2.Client]:
    with web.signed_in("alice") as client:
        yield client


def test_an_answer_is_written_by_a_generator_and_watched_on_the_web(
    web: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": WORDS, "tokens_per_s": 200})
    metrics = f"127.0.0.1:{free_port()}"
    with generator(web, CHAT_METRICS=metrics):
        exchange = ask(web, alice)
        followed = asyncio.run(follow(web.port, exchange.message_id))
        wait_for(lambda: Scraped(metrics).sum("chat_answers_total"))
        figures = Scraped(metrics)

    assert shown(followed.final, "text") == [canonical(render(WORDS))]
    assert (exchange.status, exchange.text) == ("complete", WORDS)
    assert [row["purpose"] for row in exchange.ledger()] == ["answer"]
    assert figures.by("chat_answers_total", "model", "status") == {("sim:sim", "complete"): 1}
    assert figures.sum("chat_event_loop_lag_seconds_count") > 0


def test_web_restarts_cut_nothing(web: Site, simulator: SimulatorClient, alice: httpx2.Client) -> None:
    simulator.script("sim", {"text": WORDS, "tokens_per_s": 0, "hold_at": (300,)})
    with generator(web):
        exchange = ask(web, alice)
        wait_for(exchange.segments, STARTS_WITHIN_S)
        web.kill()
        web.start()
        simulator.release()

        assert exchange.ended().status == "complete"
        assert exchange.text == WORDS


def test_a_generator_that_is_told_to_end_finishes_what_it_writes_and_leaves_the_rest(
    web: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": WORDS, "tokens_per_s": 0, "hold_at": (300,)})
    with generator(web) as first:
        begun = ask(web, alice)
        wait_for(begun.segments, STARTS_WITHIN_S)
        first.send_signal(signal.SIGTERM)
        wait_for(lambda: "told to end" in web.log())
        waiting = ask(web, alice, "Who takes this?")
        simulator.release()
        first.wait(timeout=PATIENCE_S)
        assert begun.status == "complete"
        assert waiting.status == "active"

        simulator.script("sim", {"text": "I do.", "tokens_per_s": 0})
        with generator(web):
            assert waiting.ended(STARTS_WITHIN_S).text == "I do."


def test_nobody_there_to_write(web: Site, simulator: SimulatorClient, alice: httpx2.Client) -> None:
    waiting = [ask(web, alice, f"Question {number}") for number in range(2)]
    refused = alice.post("/", data={"text": "One more", "model": "sim:sim", "client_key": "full"})

    assert refused.status_code == 503
    assert "One more" in refused.text
    for exchange in waiting:
        stop(alice, exchange)
    assert {exchange.ended().status for exchange in waiting} == {"stopped"}
    assert [exchange.ledger() for exchange in waiting] == [[], []]
    assert simulator.requests() == []
