"""Stop is a request of its own: at any time, from any tab. What is there stays, and does not grow back."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from conversations.rendering.markdown import render
from tests.servers import Site, wait_for
from tests.simulator.client import SimulatorClient
from tests.simulator.records import Seen
from tests.site.exchanges import Exchange, ask, shown, stop
from tests.site.viewing import Event, viewing
from tests.stopwatch import Stopwatch
from tests.streaming.page import canonical

MODELS = ["openai:sim", "anthropic:sim", "google:sim", "sim:sim"]
# What the issue promises.
STOPPED_WITHIN_S = 1.5
RACES = 24


@pytest.mark.parametrize("model", MODELS)
def test_stopping_before_the_first_token_closes_the_connection_to_the_model(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, model: str
) -> None:
    simulator.script("sim", {"stall_before_first": True})
    exchange = ask(shared_site, alice, model=model)
    simulator.wait_for()
    watch = Stopwatch()
    stop(alice, exchange)

    assert watch.took_s(simulator.wait_for(is_gone).client_gone_at) < STOPPED_WITHIN_S
    assert exchange.ended().status == "stopped"
    assert exchange.text == ""
    assert [(row["outcome"], row["confidence"], row["output"]) for row in exchange.ledger()] == [
        ("stopped", "estimated", 0)
    ]


def is_gone(seen: Seen) -> bool:
    return seen.client_gone_at is not None


@pytest.mark.parametrize("model", MODELS)
def test_stopping_in_the_middle_keeps_what_was_written(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, model: str
) -> None:
    text = "Some words of an answer.\n\n" * 200
    simulator.script("sim", {"text": text, "tokens_per_s": 100})
    exchange = ask(shared_site, alice, model=model)

    async def stopped() -> tuple[Event, float]:
        async with viewing(shared_site.port, exchange.message_id) as view:
            async for event in view:
                if "words" in event.data:
                    break
            watch = Stopwatch()
            await asyncio.to_thread(stop, alice, exchange)
            return await view.until("done"), watch.took_s()

    done, took_s = asyncio.run(stopped())
    kept = exchange.text

    assert took_s < STOPPED_WITHIN_S
    assert kept
    assert text.startswith(kept)
    assert shown(done.data, "text") == [canonical(render(kept))]
    assert simulator.wait_for(is_gone).sent_text.startswith(kept)
    assert exchange.status == "stopped"
    assert [row["outcome"] for row in exchange.ledger()] == ["stopped"]
    assert_is_as_stored(exchange, alice, kept)


def assert_is_as_stored(exchange: Exchange, client: httpx2.Client, text: str) -> None:
    """Nothing writes any more, and pages show what the rows say."""
    assert exchange.segments() == 0
    assert "".join(shown(client.get(exchange.url).text, "text", exchange.message_id)) == canonical(render(text))
    assert exchange.text == text


def test_another_tab_can_stop_and_all_tabs_hear_of_it(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "Some words.\n\n" * 500, "tokens_per_s": 100})
    exchange = ask(shared_site, alice)

    async def watched() -> list[Event]:
        async with (
            viewing(shared_site.port, exchange.message_id) as one,
            viewing(shared_site.port, exchange.message_id) as other,
        ):
            await one.event()
            await other.event()
            with shared_site.signed_in("alice") as tab:
                await asyncio.to_thread(stop, tab, exchange)
            return [await one.until("done"), await other.until("done")]

    first, second = asyncio.run(watched())

    assert shown(first.data, "text") == shown(second.data, "text")
    assert "".join(shown(first.data, "text")) == canonical(render(exchange.text))


def test_stopping_twice_and_after_the_end_changes_nothing(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "Some words. " * 500, "tokens_per_s": 100})
    exchange = ask(shared_site, alice)
    simulator.wait_for(lambda seen: seen.sent_chars)
    with ThreadPoolExecutor(4) as tabs:
        answers = list(tabs.map(lambda _: stop(alice, exchange).status_code, range(4)))
    kept = exchange.ended().text
    again = stop(alice, exchange)

    assert answers == [302] * 4
    assert again.status_code == 302
    assert exchange.status == "stopped"
    assert len(exchange.ledger()) == 1
    assert_is_as_stored(exchange, alice, kept)


def test_a_finished_answer_cannot_be_stopped(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "Done.", "tokens_per_s": 0})
    exchange = ask(shared_site, alice).ended()
    stop(alice, exchange)

    assert exchange.status == "complete"
    assert exchange.text == "Done."


def test_htmx_is_told_nothing_new_by_a_stop(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"stall_before_first": True})
    exchange = ask(shared_site, alice)
    response = alice.post(f"/generations/{exchange.generation_id}/stop", headers={"HX-Request": "true"})

    assert (response.status_code, response.content) == (204, b"")
    assert exchange.ended().status == "stopped"


def test_a_stop_that_only_stands_in_the_row_is_heard(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    """As it is when the request for it went to another process."""
    simulator.script("sim", {"stall_before_first": True})
    exchange = ask(shared_site, alice)
    simulator.wait_for()
    watch = Stopwatch()
    write(shared_site, "UPDATE conversations_generation SET stop_requested_at = '2026-01-01' WHERE id = ?", exchange)

    assert watch.took_s(simulator.wait_for(is_gone).client_gone_at) < STOPPED_WITHIN_S
    assert exchange.ended().status == "stopped"


def write(site: Site, sql: str, exchange: Exchange) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(site.data_dir / "db.sqlite3", timeout=10)) as database, database:
        database.execute(sql, [exchange.generation_id.hex])


def test_a_stop_that_races_the_end_leaves_one_consistent_answer(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    """The model stands before its last words; both are let go at the same moment, one a little ahead of the other."""
    text = "One.\n\nTwo.\n\nThree."
    outcomes = [race(shared_site, simulator, alice, text, (number - RACES / 2) / 1000) for number in range(RACES)]

    print(f"{outcomes.count('complete')} complete, {outcomes.count('stopped')} stopped")
    assert set(outcomes) <= {"complete", "stopped"}


def race(site: Site, simulator: SimulatorClient, client: httpx2.Client, text: str, stop_later_s: float) -> str:
    simulator.forget_requests()
    simulator.script("sim", {"text": text, "tokens_per_s": 0, "hold_at": (len(text) - 3,)})
    exchange = ask(site, client)
    simulator.wait_for(lambda seen: seen.state == "holding")

    async def both() -> list[str]:
        async with viewing(site.port, exchange.message_id) as view:
            await view.event()
            await asyncio.gather(
                after(max(0, -stop_later_s), simulator.release), after(max(0, stop_later_s), stop, client, exchange)
            )
            done = await view.until("done")
            assert await view.event() is None
            return shown(done.data, "text")

    seen_by_page = asyncio.run(both())
    status = exchange.ended().status
    assert seen_by_page == [canonical(render(exchange.text))]
    assert text.startswith(exchange.text)
    assert status == "stopped" or exchange.text == text
    assert [row["outcome"] for row in exchange.ledger()] == [status]
    assert_is_as_stored(exchange, client, exchange.text)
    return status


async def after(seconds: float, act: object, *arguments: object) -> None:
    await asyncio.sleep(seconds)
    await asyncio.to_thread(act, *arguments)  # type: ignore[arg-type]


def test_a_stop_while_the_question_is_still_being_posted_is_not_lost(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"headers_delay_s": 0.2, "text": "Words. " * 500, "tokens_per_s": 100})
    for _ in range(5):
        exchange = ask(shared_site, alice)
        stop(alice, exchange)
        assert exchange.ended().status == "stopped"
    wait_for(lambda: all(is_gone(seen) for seen in simulator.requests()))
