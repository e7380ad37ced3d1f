"""What the site does between a reader and a provider that fails: asks again, falls back, tells, and bills each call."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.servers import Site, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, act, ask, forget
from tests.site.viewing import viewing

CHAIN = '{"openai:first": ["anthropic:second", "demo:demo"]}'
CACHED = "google:cached"
OVERLOADED = {"status": 529}


@pytest.fixture(scope="module")
def patient_site(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Site]:
    """A site that asks three times, falls back, caches one model and lets a fallback go on."""
    settings = {
        **simulated(simulator_process, f"openai:first,anthropic:second,sim:alone,{CACHED},demo:demo"),
        "CHAT_ATTEMPTS": "3",
        "CHAT_FIRST_RETRY_WAIT": "0.1",
        "CHAT_FALLBACKS": CHAIN,
        "CHAT_FALLBACK_CONTINUES": "true",
        "CHAT_CACHED_MODELS": CACHED,
    }
    with running_site(template, tmp_path_factory.mktemp("patient"), **settings) as running:
        yield running


@pytest.fixture
def alice(patient_site: Site) -> Iterator[httpx2.Client]:
    with patient_site.signed_in("alice") as client:
        yield client


def billed(exchange: Exchange) -> list[tuple[str, str]]:
    return [(row["purpose"], row["outcome"]) for row in exchange.ledger()]


def page(client: httpx2.Client, exchange: Exchange) -> str:
    return client.get(exchange.url).text


def test_a_model_that_is_overloaded_for_a_moment_is_asked_again(
    patient_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("alone", {"text": "Here I am."}, queue=(OVERLOADED, OVERLOADED))
    exchange = ask(patient_site, alice, model="sim:alone").ended()

    assert exchange.text == "Here I am."
    assert billed(exchange) == [("answer", "overloaded"), ("retry", "overloaded"), ("retry", "complete")]
    assert "Answered at attempt 3: alone was overloaded before." in page(alice, exchange)


async def test_the_reader_sees_a_retry_while_waiting_for_it(
    patient_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("alone", {"text": "At last."}, queue=({"status": 429, "headers": {"retry-after": "2"}},))
    exchange = await asyncio.to_thread(ask, patient_site, alice, model="sim:alone")
    async with viewing(patient_site.port, exchange.message_id) as view:
        told = [event.data async for event in view if "Retrying in 2 s." in event.data]

    assert told, "the note never came"
    assert "At last." in exchange.text


def test_a_chain_ends_where_somebody_answers_and_every_call_has_its_row(
    patient_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    """A is overloaded, B breaks off in mid-answer, the demo model goes on in the same message."""
    simulator.script("first", {"status": 529, "headers": {"retry-after": "60"}})
    simulator.script("second", {"text": "From the second. " * 20, "fault": {"kind": "close", "after_chars": 100}})
    exchange = ask(patient_site, alice, model="openai:first").ended()

    assert exchange.status == "complete"
    assert exchange.text.startswith("From the second. ")
    assert len(exchange.text) > 150
    assert billed(exchange) == [("answer", "overloaded"), ("fallback", "disconnected"), ("fallback", "complete")]
    shown = page(alice, exchange)
    assert "Finished by Demo (no key needed) because first was overloaded and second broke off." in shown


def test_without_a_fallback_text_that_was_shown_stays_and_nothing_is_asked_again(
    patient_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("alone", {"text": "Half of an answer.", "fault": {"kind": "close", "after_chars": 8}})
    exchange = ask(patient_site, alice, model="sim:alone").ended()

    assert (exchange.status, exchange.text) == ("failed", "Half of ")
    assert len(simulator.requests(model="alone", purpose="answer")) == 1
    assert "The connection to the provider broke. Everything above was kept. Continue from here" in page(
        alice, exchange
    )


def test_a_refusal_that_no_retry_mends_is_told_at_once(
    patient_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("alone", {"status": 401})
    exchange = ask(patient_site, alice, model="sim:alone").ended()

    assert exchange.error_kind == "key_rejected"
    assert billed(exchange) == [("answer", "key_rejected")]


def test_stop_while_waiting_for_a_retry_ends_the_run(
    patient_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("alone", {"status": 429, "headers": {"retry-after": "9"}})
    exchange = ask(patient_site, alice, model="sim:alone")
    wait_for(lambda: billed(exchange), otherwise="no first attempt")
    alice.post(f"/generations/{exchange.generation_id}/stop")

    assert exchange.ended().status == "stopped"
    assert billed(exchange) == [("answer", "rate_limited")]


def test_the_same_question_costs_nothing_the_second_time(
    patient_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("cached", {"text": "Forty-two.", "tokens_per_s": 0})
    first = ask(patient_site, alice, "What is the answer?", model=CACHED).ended()
    second = ask(patient_site, alice, "What is the answer?", model=CACHED).ended()

    assert (first.text, second.text) == ("Forty-two.", "Forty-two.")
    assert len(simulator.requests(model="cached", purpose="answer")) == 1
    cost, saved = patient_site.rows(
        "SELECT cost_usd, output FROM conversations_usagerecord WHERE conversation_key = ?", second.conversation_id.hex
    )[0]
    assert (float(cost), saved) == (0.0, 0)
    assert "From the cache" in page(alice, second)
    assert "From the cache" not in page(alice, first)


def test_somebody_else_s_question_is_not_answered_from_the_cache(
    patient_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("cached", {"text": "For one only.", "tokens_per_s": 0})
    ask(patient_site, alice, "A private matter", model=CACHED).ended()
    with patient_site.signed_in("bob") as bob:
        ask(patient_site, bob, "A private matter", model=CACHED).ended()

    assert len(simulator.requests(model="cached", purpose="answer")) == 2


def test_regenerate_asks_anew_instead_of_taking_the_cached_answer(
    patient_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("cached", {"text": "Another one."}, queue=({"text": "One.", "tokens_per_s": 0},))
    exchange = ask(patient_site, alice, "Tell me something", model=CACHED).ended()

    assert act(alice, exchange, "regenerate").ended().text == "Another one."


async def test_a_cached_answer_streams(patient_site: Site, simulator: SimulatorClient, alice: httpx2.Client) -> None:
    """Its replay takes longer than any test waits, and is left as soon as it has been seen to grow."""
    simulator.script("cached", {"text": "Word after word.\n\n" * 4000, "tokens_per_s": 0, "token_chars": (400, 400)})
    await asyncio.to_thread(lambda: ask(patient_site, alice, "A long one", model=CACHED).ended())
    again = await asyncio.to_thread(ask, patient_site, alice, "A long one", model=CACHED)
    async with viewing(patient_site.port, again.message_id) as view:
        for _ in range(5):
            await view.until("delta")
    forget(alice, again)

    assert len(simulator.requests(model="cached", purpose="answer")) == 1
