"""Connections break: whoever comes back with the last event id misses nothing and gets nothing twice."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import httpx2
import pytest

from conversations.rendering.markdown import render
from tests.proxy import Proxy, start_proxy
from tests.servers import Site, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, act, ask, shown, stop
from tests.site.viewing import Followed, View, follow, follow_once, viewing
from tests.streaming.page import Page, canonical

# Said in pieces; a page has all of it when the last paragraph is closed.
PIECES = ("One **two**.\n\n- a\n- b\n", "- é 🦋\n\nEnd.\n\n")
WHOLE = "".join(PIECES)
HOLDS = tuple(len("".join(PIECES[:number])) for number in range(len(PIECES) + 1))
AT_ONCE = 100
OTHER_MESSAGE = UUID(int=1)  # a fixed one: the names of tests must be the same in every process
# A cut inside the head is a connection that never came: no need to try each.
HEAD_STEP = 31


@pytest.fixture
def proxy(shared_site: Site) -> Iterator[Proxy]:
    with start_proxy(shared_site.port) as running:
        yield running


@dataclass
class Cut:
    """A page whose first connection breaks after so many bytes of the response."""

    after_bytes: int
    page: Page
    connections: int = 0


def say_in_pieces(simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": WHOLE, "tokens_per_s": 0, "hold_at": HOLDS})


async def say_next(simulator: SimulatorClient) -> None:
    await asyncio.to_thread(simulator.wait_for, lambda seen: seen.state == "holding")
    await asyncio.to_thread(simulator.release)


async def receive_until_whole(view: View, page: Page) -> None:
    """Apply events until the page shows the whole text."""
    while not is_whole(page):
        event = await view.event()
        if event is None:
            return
        page.receive(event.raw)


def is_whole(page: Page) -> bool:
    return any(element.get("id") == f"blocks-{page.message_id}-0" for element in page.root.iter()) and (
        "End." in page.blocks(0)
    )


async def size_of_response(site: Site, simulator: SimulatorClient, exchange: Exchange) -> tuple[int, int]:
    """Bytes of the response's head, and of its body from the empty answer to the whole text."""
    async with viewing(site.port, exchange.message_id) as view:
        page = Page(str(exchange.message_id))
        for _ in PIECES:
            event = await view.event()
            assert event
            page.receive(event.raw)
            await say_next(simulator)
        await receive_until_whole(view, page)
        assert page.blocks(0) == canonical(render(WHOLE))
        return view.head_bytes, view.wire_bytes


@pytest.mark.slow
def test_a_cut_at_any_byte_loses_nothing_and_doubles_nothing(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, proxy: Proxy
) -> None:
    say_in_pieces(simulator)
    exchange = ask(shared_site, alice)
    head, body = asyncio.run(size_of_response(shared_site, simulator, exchange))
    stop(alice, exchange)
    exchange.ended()
    print(f"{head} bytes of head, {body} of body")

    cuts = [*range(1, head, HEAD_STEP), *range(head, head + body)]
    for batch in itertools.batched(cuts, AT_ONCE):
        simulator.forget_requests()
        say_in_pieces(simulator)
        exchange = ask(shared_site, alice)
        for cut in asyncio.run(watched_with_cuts(proxy, simulator, exchange, batch)):
            assert cut.page.blocks(0) == canonical(render(WHOLE)), cut.after_bytes
            assert cut.page.is_settled(0), cut.after_bytes
            assert cut.page.events.count("reset") <= cut.connections, (cut.after_bytes, cut.page.events)
        stop(alice, exchange)
        exchange.ended()


async def watched_with_cuts(
    proxy: Proxy, simulator: SimulatorClient, exchange: Exchange, cuts: Sequence[int]
) -> list[Cut]:
    """One page for each cut, all watching the same answer as it is said piece by piece."""
    watching = []
    for after_bytes in cuts:
        proxy.cut_next(after_bytes, how="close" if after_bytes % 2 else "reset")
        connected = asyncio.Event()
        watching.append(asyncio.create_task(watched_with_cut(proxy, exchange, after_bytes, connected)))
        await connected.wait()
    for _ in PIECES:
        await say_next(simulator)
        # Longer than the pace of frames, so that each piece makes a frame of its own.
        await asyncio.sleep(0.1)
    return list(await asyncio.gather(*watching))


async def watched_with_cut(proxy: Proxy, exchange: Exchange, after_bytes: int, connected: asyncio.Event) -> Cut:
    cut = Cut(after_bytes, Page(str(exchange.message_id)))
    while not is_whole(cut.page):
        cut.connections += 1
        try:
            last_event_id = cut.page.last_event_id
            async with viewing(proxy.port, exchange.message_id, last_event_id=last_event_id) as view:
                connected.set()
                await receive_until_whole(view, cut.page)
        except ConnectionError:
            connected.set()
    return cut


def test_a_cut_inside_the_last_event_is_followed_by_the_whole_of_it(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, proxy: Proxy
) -> None:
    simulator.script("sim", {"text": WHOLE, "tokens_per_s": 0})
    exchange = ask(shared_site, alice).ended()
    asyncio.run(follow(shared_site.port, exchange.message_id))
    for after_bytes in range(1, 3000, 97):
        proxy.cut_next(after_bytes)
        followed = asyncio.run(follow(proxy.port, exchange.message_id))
        assert followed.page.events == ["done"]
        assert shown(followed.final, "text") == [canonical(render(WHOLE))]


def test_a_page_that_comes_back_with_its_position_gets_only_what_is_new(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    say_in_pieces(simulator)
    exchange = ask(shared_site, alice)
    page = Page(str(exchange.message_id))

    async def watched_twice() -> None:
        async with viewing(shared_site.port, exchange.message_id) as view:
            await say_next(simulator)
            while "two" not in "".join(page.root.itertext()):
                page.receive((await view.until_any()).raw)
        async with viewing(shared_site.port, exchange.message_id, last_event_id=page.last_event_id) as view:
            await say_next(simulator)
            await receive_until_whole(view, page)

    asyncio.run(watched_twice())
    stop(alice, exchange)

    assert page.events.count("reset") == 1
    assert page.blocks(0) == canonical(render(WHOLE))


def test_a_page_with_a_position_in_an_older_run_gets_everything_of_the_new_one(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    """A tab that was left open while Continue was pressed in another one."""
    simulator.script("sim", {"text": "One.\n\nTwo.\n\nThree.\n\nFour.\n\n", "tokens_per_s": 0, "hold_at": (13,)})
    exchange = ask(shared_site, alice)
    old = Followed(Page(str(exchange.message_id)))

    async def stopped_while_watched() -> None:
        async with viewing(shared_site.port, exchange.message_id) as view:
            while "Two" not in "".join(old.page.root.itertext()):
                old.page.receive((await view.until_any()).raw)

    async def continued_while_watched() -> None:
        async with asyncio.TaskGroup() as together:
            together.create_task(follow_once(shared_site.port, exchange.message_id, old))
            together.create_task(say_next(simulator))

    asyncio.run(stopped_while_watched())
    stop(alice, exchange)
    exchange.ended()
    simulator.script("sim", {"text": "One.\n\nTwo.\n\nThree.\n\nFour.\n\n", "tokens_per_s": 20, "hold_at": (7,)})
    simulator.forget_requests()
    more = act(alice, exchange, "continue")
    asyncio.run(continued_while_watched())

    assert more.message_id == exchange.message_id
    assert old.page.events[0] == "reset"
    assert old.page.events[-1] == "done"
    assert more.text == "One.\n\nTwo.\n\nThree.\n\nFour.\n\n"
    assert shown(old.final, "text") == [canonical(render(more.text))]


@pytest.mark.parametrize(
    "last_event_id", ["", "end", "nonsense", "\x7f", f"{OTHER_MESSAGE}.0.0", "1.2.3.4", "." * 3000]
)
def test_the_stream_of_a_finished_answer_is_one_done(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, last_event_id: str
) -> None:
    simulator.script("sim", {"text": "Said.", "tokens_per_s": 0})
    exchange = ask(shared_site, alice).ended()

    async def events() -> list[str]:
        async with viewing(shared_site.port, exchange.message_id, last_event_id=last_event_id) as view:
            assert view.status == 200
            return [event.name async for event in view]

    # For a moment after its end is stored it may still be watched as it was written.
    wait_for(lambda: asyncio.run(events()) == ["done"])


@pytest.mark.parametrize("position", ["0.1", "7.0", "-1.0", "0.-5", "0.99999999999999999999", "end"])
def test_a_position_that_cannot_be_gets_everything(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, position: str
) -> None:
    simulator.script("sim", {"text": WHOLE, "tokens_per_s": 0, "hold_at": (len(WHOLE) - 1,)})
    exchange = ask(shared_site, alice)
    simulator.wait_for(lambda seen: seen.state == "holding")

    async def first_event() -> str:
        last_event_id = f"{exchange.generation_id}.{position}"
        async with viewing(shared_site.port, exchange.message_id, last_event_id=last_event_id) as view:
            return (await view.until_any()).name

    assert asyncio.run(first_event()) == "reset"
    stop(alice, exchange)


def test_many_pages_of_one_answer_end_alike(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": WHOLE * 5, "tokens_per_s": 200})
    exchange = ask(shared_site, alice)

    async def all_followed() -> list[Followed]:
        return await asyncio.gather(*(follow(shared_site.port, exchange.message_id) for _ in range(20)))

    finals = {"".join(shown(followed.final, "text")) for followed in asyncio.run(all_followed())}

    assert finals == {canonical(render(WHOLE * 5))}
