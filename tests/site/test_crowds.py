"""A hundred streaming answers leave the event loop free; thousands of idle viewers leave room for a new answer."""

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from tests.bench.scenarios import TOKENS_PER_S, until
from tests.bench.wire import Arrivals, connect
from tests.bench.words import FIRST_TOKEN, TOKEN_CHARS, text_of
from tests.processes import from_nothing
from tests.servers import PATIENCE_S, WARM, Site, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, ask
from tests.site.test_resources import LANES, SPARE, Footprint, footprint, settled
from tests.site.viewing import request, viewing
from tests.stopwatch import Stopwatch, waits

ANSWERS, ANSWER_TOKENS = 100, 500
PINGS, PING_EVERY_S, LAG_S = 200, 0.02, 0.05
# Ten thousand take a minute: IDLE_VIEWERS=10000.
VIEWERS = int(os.environ.get("IDLE_VIEWERS", "1500"))
TOGETHER = 50
VIEWER_KB = 60
NEW_ANSWER_S = 1.0


@pytest.fixture
def open_files() -> Iterator[int]:
    """How many a process may have, as many as the machine lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def site(template: Path, tmp_path: Path, simulator_process: SimulatorClient, open_files: int) -> Iterator[Site]:
    settings = simulated(simulator_process, "sim:sim,sim:a") | WARM
    # An answer that waits is not given up while thousands come to watch it.
    settings |= {"CHAT_LANES": str(LANES), "CHAT_BETWEEN_EVENTS_TIMEOUT": "3600"}
    with running_site(template, tmp_path / "site", begin=from_nothing, **settings) as site:
        yield site


# --- answers ------------------------------------------------------------------


@pytest.mark.quiet
@pytest.mark.slow
def test_a_hundred_answers_at_once_leave_the_event_loop_free(site: Site, simulator_process: SimulatorClient) -> None:
    """A probe, which the event loop answers by itself, is as late as the loop is."""
    text = text_of(1, ANSWER_TOKENS)
    holds = (TOKEN_CHARS, len(text) - 1)
    simulator_process.script("sim", {"text": text, "tokens_per_s": TOKENS_PER_S, "hold_at": holds})
    with site.signed_in("alice") as client:
        answers = [ask(site, client) for _ in range(ANSWERS)]

    lags = asyncio.run(watched(site, answers, simulator_process))
    lags.sort()

    print(f"lag p50 {lags[PINGS // 2] * 1000:.0f} ms, p99 {lags[PINGS * 99 // 100] * 1000:.0f} ms")
    assert lags[PINGS * 99 // 100] < LAG_S
    assert [answer.text for answer in answers] == [text] * ANSWERS


async def watched(site: Site, answers: list[Exchange], simulator: SimulatorClient) -> list[float]:
    """All go on when all are watched, to their end; seconds that each probe took meanwhile."""
    streams: list[Arrivals] = [[] for _ in answers]
    watching = [asyncio.create_task(watch(site, *each)) for each in zip(answers, streams, strict=True)]
    await until(lambda: all(FIRST_TOKEN in said(arrivals) for arrivals in streams))
    simulator.release()
    await until(lambda: all(len(arrivals) > 4 for arrivals in streams))
    lags = await probes(site)
    assert {answer.status for answer in answers} == {"active"}
    assert site.rows("SELECT COUNT(DISTINCT generation_id) FROM conversations_draftsegment") == [(ANSWERS,)]

    def ended() -> bool:
        simulator.release()
        return all(task.done() for task in watching)

    await until(ended)
    await asyncio.gather(*watching)
    return lags


def said(arrivals: Arrivals) -> bytes:
    return b"".join(data for _, data in arrivals)


async def watch(site: Site, answer: Exchange, arrivals: Arrivals) -> None:
    connection = await connect(site.port)
    with closing(connection.transport):
        await connection.follow(request(answer.message_id, "alice", ""), arrivals)


async def probes(site: Site) -> list[float]:
    """The kernel's word of how long the server, or we, had no core is left out."""
    took = []
    connection = await connect(site.port)
    with closing(connection.transport):
        for _ in range(PINGS):
            waited, began = waited_s(site), monotonic()
            response = await connection.ask(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            took.append(monotonic() - began - (waited_s(site) - waited))
            assert response.status == 200
            await asyncio.sleep(PING_EVERY_S)
    return took


def waited_s(site: Site) -> float:
    ours = {os.getpid(), site.pid}
    return sum(seconds for thread, seconds in waits() if thread in ours)


# --- viewers ------------------------------------------------------------------


@pytest.mark.slow
def test_thousands_of_idle_viewers_cost_memory_only(
    site: Site, simulator_process: SimulatorClient, open_files: int
) -> None:
    simulator_process.script("sim", {"text": "An answer that waits. " * 20, "tokens_per_s": 0, "hold_at": (100,)})
    simulator_process.script("a", {"text": "A new answer.", "tokens_per_s": 0})
    viewers = min(VIEWERS, open_files - 500)
    with site.signed_in("alice") as client:
        ask(site, client, model="sim:a").ended()
        answers = [ask(site, client) for _ in range(4)]
        before = wait_for(lambda: settled(site))

        with_viewers, took_s = asyncio.run(crowded(site, answers, viewers))

    kilobytes = (with_viewers.rss - before.rss) / viewers / 1000
    print(f"{viewers} viewers: {kilobytes:.0f} kB each; before {before}, with them {with_viewers}")
    print(f"a new answer began after {took_s:.2f} s")
    assert with_viewers.sockets >= viewers
    assert with_viewers.threads <= before.threads + SPARE
    assert with_viewers.connections <= LANES + SPARE
    assert kilobytes < VIEWER_KB
    assert took_s < NEW_ANSWER_S


async def crowded(site: Site, answers: list[Exchange], viewers: int) -> tuple[Footprint, float]:
    """What the server holds with so many viewers, and how long a new answer takes to its first words among them."""
    turns = asyncio.Semaphore(TOGETHER)
    opened = await asyncio.gather(*(sit_down(site, answers[number % 4], turns) for number in range(viewers)))
    try:
        held = footprint(site)
        watch = Stopwatch()
        new = await asyncio.to_thread(ask_anew, site)
        async with viewing(site.port, new.message_id) as view:
            async for event in view:
                if "A new answer." in event.data:
                    break
        return held, watch.took_s()
    finally:
        for transport in opened:
            transport.abort()


def ask_anew(site: Site) -> Exchange:
    with site.signed_in("alice") as client:
        return ask(site, client, model="sim:a")


async def sit_down(site: Site, answer: Exchange, turns: asyncio.Semaphore) -> asyncio.Transport:
    """A viewer who has been shown what there is."""
    async with turns:
        connection = await connect(site.port)
        shown: Arrivals = []
        watching = asyncio.create_task(connection.follow(request(answer.message_id, "alice", ""), shown))
        async with asyncio.timeout(PATIENCE_S):
            await until(lambda: b"event: reset" in said(shown))
        watching.cancel()
        return connection.transport
