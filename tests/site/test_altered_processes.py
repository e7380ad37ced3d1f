"""One process is not like the others: it stands still, or has another clock, channel layer or Markdown library."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from conversations.rendering.markdown import render
from tests.bench.scenarios import until
from tests.servers import PATIENCE_S, Site, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, act, ask, shown, stop
from tests.site.pairs import Pair, needs_servers, running_beside
from tests.site.viewing import Followed, follow, follow_once, viewing
from tests.streaming.page import Page, canonical

WORDS = "".join(f"Word {number}, with some more.\n\n" for number in range(60))
STANDS_STILL_S = 5
HALF = WORDS.index("Word 30,")


def asked(site: Site, letter: str = "sim") -> Exchange:
    with site.signed_in("alice") as client:
        return ask(site, client, model=f"sim:{letter}")


async def followed_crosswise(simulator: SimulatorClient, one: Site, other: Site) -> list[tuple[Exchange, Followed]]:
    """An answer of each process, watched on the other one: the model waits until its first half is shown."""

    async def watched(writer: Site, viewer: Site, letter: str) -> tuple[Exchange, Followed]:
        pace = {"tokens_per_s": 200, "hold_at": (10, HALF)}
        simulator.script(letter, {"text": WORDS, **pace})
        exchange = await asyncio.to_thread(asked, writer, letter)
        followed = Followed(Page(str(exchange.message_id)), connections=1)
        async with viewing(viewer.port, exchange.message_id) as view:
            followed.page.receive((await view.until_any()).raw)
            await asyncio.to_thread(go_on, simulator, letter)
            while "Word 29," not in "".join(followed.page.root.itertext()):
                followed.page.receive((await view.until_any()).raw)
            await asyncio.to_thread(go_on, simulator, letter)
            async for event in view:
                followed.page.receive(event.raw)
                followed.done += [event] if event.name == "done" else []
        return exchange, followed

    return await asyncio.gather(watched(one, other, "a"), watched(other, one, "b"))


def go_on(simulator: SimulatorClient, letter: str) -> None:
    simulator.wait_for(lambda seen: seen.state == "holding", timeout_s=30, model=letter)
    simulator.release(model=letter)


def assert_nothing_happened(exchange: Exchange, followed: Followed) -> None:
    """Shown as it was written, once and whole; stored and billed."""
    events = followed.page.events
    assert "delta" in events
    assert (events.count("reset"), events.count("done")) == (1, 1)
    assert shown(followed.final, "text") == [canonical(render(WORDS))]
    assert (exchange.status, exchange.text) == ("complete", WORDS)
    assert [row["confidence"] for row in exchange.ledger()] == ["reported"]


@needs_servers
def test_a_process_that_stands_still_for_five_seconds_keeps_its_answer(
    pair: Pair, tmp_path: Path, simulator: SimulatorClient
) -> None:
    # Its end waits until the page has seen it go on.
    simulator.script("sim", {"text": WORDS, "tokens_per_s": 100, "hold_at": (len(WORDS) - 10,)})
    with running_beside(pair, tmp_path) as site:
        exchange = asked(site)
        wait_for(exchange.segments)

        async def watched() -> Followed:
            followed = Followed(Page(str(exchange.message_id)))
            async with asyncio.TaskGroup() as together:
                together.create_task(follow_once(pair.other.port, exchange.message_id, followed))
                os.kill(site.pid, signal.SIGSTOP)
                await asyncio.sleep(STANDS_STILL_S)
                os.kill(site.pid, signal.SIGCONT)
                async with asyncio.timeout(PATIENCE_S):
                    await until(lambda: "delta" in followed.page.events)
                await asyncio.to_thread(go_on, simulator, "sim")
            return followed

        assert_nothing_happened(exchange, asyncio.run(watched()))


@pytest.fixture
def ahead(pair: Pair, tmp_path: Path) -> Iterator[Site]:
    with running_beside(pair, tmp_path, DJANGO_SETTINGS_MODULE="tests.site.altered.clock_ahead") as site:
        yield site


@needs_servers
def test_a_process_whose_clock_is_an_hour_ahead(pair: Pair, ahead: Site, simulator: SimulatorClient) -> None:
    for exchange, followed in asyncio.run(followed_crosswise(simulator, pair.other, ahead)):
        assert_nothing_happened(exchange, followed)

    simulator.script("sim", {"text": WORDS, "tokens_per_s": 0, "hold_at": (400,)})
    begun = asked(ahead)
    simulator.wait_for(lambda seen: seen.state == "holding")
    with pair.other.signed_in("alice") as client:
        stop(client, begun)
        begun.ended()
        simulator.script("sim", {"text": WORDS, "tokens_per_s": 200})
        continued = act(client, begun, "continue")
        followed = asyncio.run(follow(ahead.port, begun.message_id))

        assert continued.ended().text == WORDS
        assert shown(followed.final, "text") == [canonical(render(WORDS))]
        assert shown(client.get(begun.url).text, "text", begun.message_id) == [canonical(render(WORDS))]


@needs_servers
@pytest.mark.parametrize("altered", ["lossy_news", "narrow_news"])
def test_news_that_are_lost_come_late_or_never(
    pair: Pair, tmp_path: Path, simulator: SimulatorClient, altered: str
) -> None:
    with running_beside(pair, tmp_path, DJANGO_SETTINGS_MODULE=f"tests.site.altered.{altered}") as site:
        for exchange, followed in asyncio.run(followed_crosswise(simulator, pair.other, site)):
            assert_nothing_happened(exchange, followed)


def test_one_process_needs_no_news(template: Path, tmp_path: Path, simulator: SimulatorClient) -> None:
    settings = simulated(simulator, "sim:a,sim:b")
    altered = "tests.site.altered.narrow_news"
    with running_site(template, tmp_path / "site", DJANGO_SETTINGS_MODULE=altered, **settings) as site:
        for exchange, followed in asyncio.run(followed_crosswise(simulator, site, site)):
            assert_nothing_happened(exchange, followed)


@needs_servers
def test_a_page_that_comes_back_to_another_markdown_library_gets_everything_once(
    pair: Pair, tmp_path: Path, simulator: SimulatorClient
) -> None:
    text = "One.\n\nTwo.\n\nThree.\n\nFour."
    simulator.script("sim", {"text": text, "tokens_per_s": 0, "hold_at": (15,)})
    exchange = asked(pair.other)
    page = Page(str(exchange.message_id))

    async def watched_on(site: Site, until: str) -> list[str]:
        """The new events of a page that watches there, up to one that shows `until`."""
        before = len(page.events)
        async with viewing(site.port, exchange.message_id, last_event_id=page.last_event_id) as view:
            while until not in "".join(page.root.itertext()) or len(page.events) == before:
                page.receive((await view.until_any()).raw)
        return page.events[before:]

    async def moved(site: Site) -> list[str]:
        await watched_on(pair.other, "Two")
        return await watched_on(site, "Two")

    with running_beside(pair, tmp_path, DJANGO_SETTINGS_MODULE="tests.site.altered.other_blocks") as site:
        assert asyncio.run(moved(site)) == ["reset"]
        simulator.release()
        followed = Followed(page)
        asyncio.run(follow_once(site.port, exchange.message_id, followed))

    assert page.events.count("reset") <= 2
    assert shown(followed.final, "text") == [canonical(render(text))]
