"""Two processes on PostgreSQL and Redis: who watches or stops an answer need not be where it is written."""

import asyncio

from conversations.rendering.markdown import render
from tests.servers import wait_for
from tests.simulator.client import SimulatorClient
from tests.simulator.records import Seen
from tests.site.exchanges import ask, shown, stop
from tests.site.pairs import Pair, needs_servers
from tests.site.viewing import follow, viewing
from tests.stopwatch import Stopwatch
from tests.streaming.page import Page, canonical

pytestmark = needs_servers
STOPPED_WITHIN_S = 1.5


def words(count: int) -> str:
    return "".join(f"Word {number}, with some more.\n\n" for number in range(count))


def test_an_answer_flows_on_another_process_as_on_its_own(pair: Pair, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": words(25), "tokens_per_s": 50, "hold_at": (8,)})
    with pair.writer.signed_in("alice") as client:
        exchange = ask(pair.writer, client)
    simulator.wait_for(lambda seen: seen.state == "holding")

    async def watched() -> tuple[Page, str, float]:
        page = Page(str(exchange.message_id))
        async with viewing(pair.other.port, exchange.message_id) as view:
            page.receive((await view.until_any()).raw)
            watch = Stopwatch()
            await asyncio.to_thread(simulator.release)
            async for event in view:
                page.receive(event.raw)
                if event.name == "done":
                    return page, event.data, watch.took_s()
        raise AssertionError("the stream ended without done")

    page, final, took_s = asyncio.run(watched())

    assert shown(final, "text") == [canonical(render(words(25)))]
    # Polling gives two frames a second.
    assert page.events.count("delta") > 3 * took_s, (took_s, page.events)


def test_two_pages_on_two_processes_end_the_same(pair: Pair, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"reasoning": "Let me see. " * 20, "text": words(40), "tokens_per_s": 300})
    with pair.writer.signed_in("alice") as client:
        exchange = ask(pair.writer, client)

    async def both() -> set[str]:
        pages = await asyncio.gather(*(follow(site.port, exchange.message_id) for site in pair))
        return {"".join(shown(page.final, kind)) for page in pages for kind in ("text",)}

    assert asyncio.run(both()) == {canonical(render(words(40)))}


def test_stop_works_from_another_process(pair: Pair, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": words(500), "tokens_per_s": 100})
    with pair.writer.signed_in("alice") as client:
        exchange = ask(pair.writer, client)

    async def stopped() -> float:
        async with viewing(pair.other.port, exchange.message_id) as view:
            await view.until("delta")
            with pair.other.signed_in("alice") as client:
                watch = Stopwatch()
                await asyncio.to_thread(stop, client, exchange)
            await view.until("done")
            return watch.took_s()

    assert asyncio.run(stopped()) < STOPPED_WITHIN_S
    assert exchange.status == "stopped"
    assert words(500).startswith(exchange.text)
    assert simulator.wait_for(is_gone).sent_text.startswith(exchange.text)


def is_gone(seen: Seen) -> bool:
    return seen.client_gone_at is not None


def test_who_comes_late_gets_everything_and_what_follows(pair: Pair, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": words(60), "tokens_per_s": 0, "hold_at": (400, 800)})
    with pair.writer.signed_in("alice") as client:
        exchange = ask(pair.writer, client)
    wait_for(lambda: exchange.segments() > 0)

    async def watched() -> Page:
        page = Page(str(exchange.message_id))
        async with viewing(pair.other.port, exchange.message_id) as view:
            async for event in view:
                page.receive(event.raw)
                if event.name in ("reset", "delta"):
                    simulator.release()
                if event.name == "done":
                    assert shown(event.data, "text") == [canonical(render(words(60)))]
        return page

    assert asyncio.run(watched()).events[-1] == "done"
