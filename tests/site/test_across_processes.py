"""What people do from two tabs works the same when their requests reach two processes."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import httpx2
import pytest

from conversations.rendering.markdown import render
from tests.servers import wait_for
from tests.simulator.client import SimulatorClient
from tests.simulator.records import Seen
from tests.site.conftest import LETTERS
from tests.site.exchanges import Exchange, act, ask, shown, stop
from tests.site.pairs import Pair, needs_servers
from tests.site.viewing import Followed, follow_once, viewing
from tests.streaming.page import Page, canonical

pytestmark = needs_servers
SUBMITS, RACES = 50, 40
HELD = {"text": "One.\n\nTwo.\n\nThree.\n\nFour.\n\n", "tokens_per_s": 0, "hold_at": (13,)}


class Tabs:
    """Two tabs of alice, each of which reaches a process of its own."""

    def __init__(self, writer: httpx2.Client, other: httpx2.Client) -> None:
        self.both = (writer, other)
        self.writer, self.other = self.both
        self._threads = ThreadPoolExecutor(2)

    def together(self, act: Callable[[httpx2.Client], httpx2.Response]) -> list[httpx2.Response]:
        """Both do it at the same moment."""
        start = Barrier(2)

        def acted(tab: httpx2.Client) -> httpx2.Response:
            start.wait()
            return act(tab)

        return list(self._threads.map(acted, self.both))


@pytest.fixture
def tabs(pair: Pair) -> Iterator[Tabs]:
    with pair.writer.signed_in("alice") as writer, pair.other.signed_in("alice") as other:
        yield Tabs(writer, other)


@pytest.fixture
def held(pair: Pair, tabs: Tabs, simulator: SimulatorClient) -> Exchange:
    """An answer of the writer that has come half way and waits there."""
    simulator.script("sim", HELD)
    exchange = ask(pair.writer, tabs.writer)
    simulator.wait_for(is_holding)
    return exchange


def is_holding(seen: Seen) -> bool:
    return seen.state == "holding"


def is_gone(seen: Seen) -> bool:
    return seen.client_gone_at is not None


def test_a_form_that_arrives_at_both_is_one_question(pair: Pair, tabs: Tabs, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "Once.", "tokens_per_s": 0})
    count = "SELECT (SELECT count(*) FROM conversations_{}) "
    tables = ("conversation", "message", "generation", "usagerecord")
    before = [pair.writer.rows(count.format(table))[0][0] for table in tables]
    for number in range(SUBMITS):
        form = {"text": f"Question {number}", "model": "sim:sim", "client_key": str(uuid4())}
        first, second = tabs.together(lambda tab, form=form: tab.post("/", data=form))  # type: ignore[misc]
        assert (first.status_code, second.status_code) == (302, 302)
        assert first.headers["location"] == second.headers["location"]

    def added() -> list[int]:
        return [pair.writer.rows(count.format(table))[0][0] - had for table, had in zip(tables, before, strict=True)]

    wait_for(lambda: added() == [SUBMITS, 2 * SUBMITS, SUBMITS, SUBMITS], 30, added)
    assert len(simulator.requests()) == SUBMITS


def test_a_second_question_is_refused_wherever_it_arrives_and_its_text_kept(tabs: Tabs, held: Exchange) -> None:
    form = {"text": "And <another> thing", "model": "sim:sim", "client_key": str(uuid4())}
    responses = tabs.together(lambda tab: tab.post(f"{held.url}messages/", data=form))

    for response in responses:
        assert response.status_code == 409
        assert "And &lt;another&gt; thing</textarea>" in response.text
        assert f"/generations/{held.generation_id}/stop" in response.text
    assert held.latest() == held
    stop(tabs.other, held)
    held.ended()


def test_stops_at_both_and_after_the_end_are_one_stop(tabs: Tabs, held: Exchange, simulator: SimulatorClient) -> None:
    tabs.together(lambda tab: stop(tab, held))
    kept = held.ended().text
    tabs.together(lambda tab: stop(tab, held))
    simulator.wait_for(is_gone)

    assert (held.status, held.text) == ("stopped", kept)
    assert [row["outcome"] for row in held.ledger()] == ["stopped"]


def test_a_stop_at_the_other_that_races_the_end_has_one_outcome_everywhere(
    pair: Pair, tabs: Tabs, simulator: SimulatorClient
) -> None:
    """The model stands before its last words; both are let go at the same moment, one a little ahead of the other."""
    text = "One.\n\nTwo.\n\nThree."
    for letter in LETTERS:
        simulator.script(letter, {"text": text, "tokens_per_s": 0, "hold_at": (len(text) - 3,)})
    outcomes = []
    for round_ in range(RACES // len(LETTERS)):
        outcomes += asyncio.run(races(pair, tabs, simulator, text, (round_ - 2.5) * 0.008))

    print(f"{outcomes.count('complete')} complete, {outcomes.count('stopped')} stopped")
    assert set(outcomes) <= {"complete", "stopped"}


async def races(pair: Pair, tabs: Tabs, simulator: SimulatorClient, text: str, stop_later_s: float) -> list[str]:
    return await asyncio.gather(
        *(race(pair, tabs, simulator, letter, text, stop_later_s + at / 1000) for at, letter in enumerate(LETTERS))
    )


async def race(pair: Pair, tabs: Tabs, simulator: SimulatorClient, letter: str, text: str, stop_later_s: float) -> str:
    exchange = await asyncio.to_thread(ask, pair.writer, tabs.writer, model=f"sim:{letter}")
    async with viewing(pair.other.port, exchange.message_id) as view:
        await view.event()
        await asyncio.to_thread(simulator.wait_for, is_holding, model=letter)
        await asyncio.gather(
            after(max(0, -stop_later_s), lambda: simulator.release(model=letter)),
            after(max(0, stop_later_s), lambda: stop(tabs.other, exchange)),
        )
        done = await view.until("done")
        assert await view.event() is None
    status, stored = exchange.status, exchange.text
    assert shown(done.data, "text") == [canonical(render(stored))]
    assert text.startswith(stored)
    assert status == "stopped" or stored == text
    assert [row["outcome"] for row in exchange.ledger()] == [status]
    assert exchange.segments() == 0
    return status


async def after(seconds: float, act: Callable[[], object]) -> None:
    await asyncio.sleep(seconds)
    await asyncio.to_thread(act)


@pytest.mark.parametrize("deleted_at", ["writer", "other"])
def test_a_conversation_deleted_at_either_ends_with_one_notice(
    pair: Pair, tabs: Tabs, held: Exchange, simulator: SimulatorClient, deleted_at: str
) -> None:
    async def deleted() -> list[str]:
        async with viewing(pair.writer.port, held.message_id) as one, viewing(pair.other.port, held.message_id) as two:
            await one.event()
            await two.event()
            response = await asyncio.to_thread(getattr(tabs, deleted_at).post, f"{held.url}delete")
            assert response.status_code == 302
            return [(await view.until("done")).data for view in (one, two)]

    for notice in asyncio.run(deleted()):
        assert "has been deleted" in notice
    for site in pair:
        assert asyncio.run(events_on_return(site.port, held)) == ["done"]
    simulator.wait_for(is_gone)
    assert [row["confidence"] for row in wait_for(held.ledger)] == ["estimated"]


async def events_on_return(port: int, exchange: Exchange, name: str = "alice") -> list[str]:
    """Of a page that has seen the answer's beginning."""
    seen = f"{exchange.generation_id}.0.4"
    async with viewing(port, exchange.message_id, name=name, last_event_id=seen) as view:
        return [event.name async for event in view]


def test_signing_out_at_one_ends_a_page_at_the_other_with_one_notice(pair: Pair, simulator: SimulatorClient) -> None:
    """Bob's session ends here: no other test on these processes is bob's."""
    simulator.script("sim", HELD)
    with pair.writer.signed_in("bob") as writer, pair.other.signed_in("bob") as other:
        exchange = ask(pair.writer, writer)
        simulator.wait_for(is_holding)
        assert other.post("/accounts/logout/").status_code == 302
    for site in pair:
        assert asyncio.run(events_on_return(site.port, exchange, "bob")) == ["done"]
    simulator.release()

    assert exchange.ended().text == HELD["text"]


def test_a_page_at_the_other_with_a_position_in_an_older_run_gets_the_new_one(
    pair: Pair, tabs: Tabs, held: Exchange, simulator: SimulatorClient
) -> None:
    page = Page(str(held.message_id))

    async def watched() -> None:
        async with viewing(pair.other.port, held.message_id) as view:
            while "Two" not in "".join(page.root.itertext()):
                page.receive((await view.until_any()).raw)

    asyncio.run(watched())
    stop(tabs.writer, held)
    held.ended()
    position = page.last_event_id
    simulator.forget_requests()
    simulator.script("sim", {**HELD, "hold_at": (7,)})
    more = act(tabs.writer, held, "continue")
    simulator.wait_for(is_holding)
    followed = Followed(page)

    async def came_back() -> None:
        async with asyncio.TaskGroup() as together:
            together.create_task(to_the_end())
            await asyncio.to_thread(wait_for, lambda: page.events.count("reset") == 2)
            await asyncio.to_thread(simulator.release)

    async def to_the_end() -> None:
        """Who comes before the other process knows that the older run has ended hears of that, and listens again."""
        await follow_once(pair.other.port, held.message_id, followed)
        if "message-running" in followed.final:
            followed.done.clear()
            await follow_once(pair.other.port, held.message_id, followed)

    asyncio.run(came_back())

    assert position.startswith(str(held.generation_id))
    assert page.events.count("reset") == 2
    assert more.text == HELD["text"]
    assert shown(followed.final, "text") == [canonical(render(more.text))]
