"""Redis is stopped, loses its connections or stands still while an answer is watched from another process."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import httpx2
import pytest
import redis

from conversations.rendering.markdown import render
from tests.own_servers import OwnServer, needs_redis, own_redis
from tests.servers import postgres_database, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.conftest import LETTERS
from tests.site.exchanges import ask, shown, stop
from tests.site.pairs import Pair, needs_servers, running_together
from tests.site.viewing import Event, View, viewing
from tests.stopwatch import Stopwatch
from tests.streaming.page import Page, canonical

pytestmark = [pytest.mark.slow, needs_servers, needs_redis]
# A reader of another process sees new text at least so often, with Redis and without.
STEP_S = 1.0
# So much silence tells that something is wrong (follower.SILENCE_S and its poll).
SILENCE_S = 2.5
STOPPED_WITHIN_S = 1.5
SMOOTH_WITHIN_S = 35
# What is shown faster than any polling of the database shows it.
SMOOTH_S = 0.3
ANSWERED_WITHIN_S = 2.0
WORD, WORDS = "Word {:03}.\n\n", 200
WORD_LENGTH = len(WORD.format(0))


@pytest.fixture(scope="module")
def own() -> Iterator[OwnServer]:
    with own_redis() as server:
        yield server


@pytest.fixture(scope="module")
def pair(
    own: OwnServer, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Pair]:
    with postgres_database(os.environ["TEST_POSTGRES_URL"]) as url:
        settings = simulated(simulator_process, ",".join(f"sim:{letter}" for letter in LETTERS))
        settings |= {"DATABASE_URL": url, "REDIS_URL": own.url}
        with running_together(tmp_path_factory.mktemp("pair"), settings, settings) as (writer, other):
            yield Pair(writer, other)


@pytest.fixture
def alice(pair: Pair) -> Iterator[httpx2.Client]:
    with pair.writer.signed_in("alice") as client:
        yield client


@contextmanager
def flushed(own: OwnServer) -> Iterator[None]:
    """Emptied, and all its connections cut."""
    with redis.Redis.from_url(own.url) as client:
        client.flushall()
        client.client_kill_filter(_type="pubsub", skipme=True)
        client.client_kill_filter(_type="normal", skipme=True)
        yield


FAULTS: dict[str, Callable[[OwnServer], AbstractContextManager[None]]] = {
    "stopped": OwnServer.stopped,
    "frozen": OwnServer.frozen,
    "flushed": flushed,
}


@dataclass
class Watching:
    """A page on the other process. Its model says one more word whenever it is told to."""

    simulator: SimulatorClient
    letter: str
    view: View
    page: Page
    said: int = 0

    async def step_s(self) -> float:
        """Seconds until the next word is shown."""
        await asyncio.to_thread(self.simulator.wait_for, lambda seen: seen.state == "holding", model=self.letter)
        watch = Stopwatch()
        self.simulator.release(model=self.letter)
        while WORD.format(self.said).strip() not in "".join(self.page.root.itertext()):
            self.page.receive((await self.view.until_any()).raw)
        self.said += 1
        return watch.took_s()

    async def until_smooth(self) -> None:
        while max([await self.step_s() for _ in range(3)]) > SMOOTH_S:
            pass


@pytest.mark.parametrize("fault", FAULTS)
def test_a_page_on_another_process_goes_on_in_steps_and_is_smooth_again_soon(
    pair: Pair, own: OwnServer, simulator: SimulatorClient, alice: httpx2.Client, fault: str
) -> None:
    letter = LETTERS[list(FAULTS).index(fault)]
    text = "".join(WORD.format(number) for number in range(WORDS))
    simulator.script(letter, {"text": text, "tokens_per_s": 0, "hold_at": [WORD_LENGTH * at for at in range(WORDS)]})

    async def watched() -> tuple[list[float], Event]:
        exchange = await asyncio.to_thread(ask, pair.writer, alice, model=f"sim:{letter}")
        page = Page(str(exchange.message_id))
        async with viewing(pair.other.port, exchange.message_id) as view:
            watching = Watching(simulator, letter, view, page)
            await watching.until_smooth()
            with FAULTS[fault](own):
                noticed_at = time.monotonic() + SILENCE_S
                while time.monotonic() < noticed_at:
                    await watching.step_s()
                steps = [await watching.step_s() for _ in range(6)]
                await asyncio.to_thread(ask_and_stop, pair, simulator)
            watch = Stopwatch()
            await watching.until_smooth()
            assert watch.took_s() < SMOOTH_WITHIN_S
            await asyncio.to_thread(release_all, simulator, letter)
            done = await view.until("done")
        assert exchange.text == text
        assert page.events.count("reset") == 1
        return steps, done

    steps, done = asyncio.run(watched())
    print(f"{fault}: steps of {', '.join(f'{step:.2f}' for step in steps)} s")
    assert max(steps) < STEP_S
    assert shown(done.data, "text") == [canonical(render(text))]
    wait_for(lambda: listened_to(own) == [], otherwise=lambda: listened_to(own))


def ask_and_stop(pair: Pair, simulator: SimulatorClient) -> None:
    """Neither waits for Redis."""
    simulator.script("h", {"stall_before_first": True})
    with pair.writer.signed_in("alice") as writer, pair.other.signed_in("alice") as other:
        watch = Stopwatch()
        exchange = ask(pair.writer, writer, model="sim:h")
        assert watch.took_s() < ANSWERED_WITHIN_S
        simulator.wait_for(model="h")
        watch = Stopwatch()
        stop(other, exchange)
        assert exchange.ended().status == "stopped"
        assert watch.took_s() < STOPPED_WITHIN_S


def release_all(simulator: SimulatorClient, letter: str) -> None:
    wait_for(lambda: simulator.release(model=letter) == 0 and simulator.requests(model=letter)[-1].finished)


def listened_to(own: OwnServer) -> list[str]:
    """Runs that anybody still wants to hear of."""
    with redis.Redis.from_url(own.url) as client:
        return [name.decode() for name in client.pubsub_channels() if b"run." in name]
