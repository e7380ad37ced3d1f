"""A client that reads slowly, or not at all, costs the server bounded memory and costs the others nothing."""

import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Signal
from uuid import UUID

import httpx2
import psutil
import pytest

from conversations.rendering.markdown import render
from tests.processes import from_nothing
from tests.servers import SERVERS, WARM, Site, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, ask, shown
from tests.site.viewing import deaf_viewer, viewing
from tests.stopwatch import busy_s
from tests.streaming.page import Page, canonical

# Each is said when a reader has the one before, so that every viewer is sent them one by one on a busy machine, too.
PIECES = [f"Piece {number}: {'many words. ' * 1000}\n\n" for number in range(30)]
HOLDS = tuple(len("".join(PIECES[:number])) for number in range(len(PIECES) + 1))
WHOLE = "".join(PIECES) + "The end."
BUDGET = 50_000
SLOW, DEAF = 10, 150
# Without a budget they would be given 54 MB on Daphne: 150 times the answer.
MORE_AT_MOST = 30_000_000
# Far more than three bytes take on a busy machine. Who waits for a client that does not read waits for ever.
ANSWERS_WITHIN_S = 5


@dataclass
class Outcome:
    """What one answer was like for others while many did not read it."""

    exchange: Exchange
    reader: "Reader"
    more_memory: int
    health_took_s: list[float]


@dataclass
class Reader:
    """Somebody who reads, over as many connections as it takes, and lets the next piece be said."""

    exchange: Exchange
    simulator: SimulatorClient
    page: Page
    pieces: int = 0
    connections: int = 0
    final: str = ""

    def read_all_pieces(self) -> None:
        self.simulator.release()
        while self.pieces < len(PIECES):
            asyncio.run(self._read())
            assert not self.final, "the answer ended too soon"

    def read_the_end(self) -> None:
        self.simulator.release()
        while not self.final:
            asyncio.run(self._read())

    async def _read(self) -> None:
        self.connections += 1
        port, last_event_id = self.exchange.site.port, self.page.last_event_id
        async with viewing(port, self.exchange.message_id, last_event_id=last_event_id) as view:
            async for event in view:
                self.page.receive(event.raw)
                if event.name == "done":
                    self.final = event.data
                elif f"Piece {self.pieces}:" in event.data:
                    self.pieces += 1
                    if self.pieces == len(PIECES):
                        return
                    await asyncio.to_thread(self.simulator.release)


@pytest.fixture(scope="module", params=SERVERS)
def outcome(
    request: pytest.FixtureRequest,
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    simulator_process: SimulatorClient,
) -> Iterator[Outcome]:
    """A long answer that somebody reads among many who do not."""
    settings = simulated(simulator_process, "sim:long") | WARM | {"CHAT_STREAM_BYTES": str(BUDGET)}
    folder = tmp_path_factory.mktemp("site")
    with (
        running_site(template, folder, server=request.param, begin=from_nothing, **settings) as site,
        site.signed_in("alice") as client,
    ):
        simulator_process.script("long", {"text": "A short one.", "tokens_per_s": 0})
        ask(site, client, model="sim:long").ended()
        yield among_slow_ones(asked(site, simulator_process, client))


def asked(site: Site, simulator: SimulatorClient, client: httpx2.Client) -> Reader:
    """The reader of an answer that stands before its first word."""
    simulator.forget_requests()
    simulator.script("long", {"text": WHOLE, "tokens_per_s": 0, "token_chars": (400, 400), "hold_at": HOLDS})
    exchange = ask(site, client, model="sim:long")
    simulator.wait_for(lambda seen: seen.state == "holding")
    return Reader(exchange, simulator, Page(str(exchange.message_id)))


def among_slow_ones(reader: Reader) -> Outcome:
    site, message_id, enough = reader.exchange.site, reader.exchange.message_id, Signal()
    before = wait_for(lambda: settled_memory(site))
    with (
        ThreadPoolExecutor(2) as beside,
        viewers(site, message_id, DEAF),
        viewers(site, message_id, SLOW) as slow,
    ):
        reading = beside.submit(read_slowly, slow, enough)
        health = beside.submit(ask_how_it_is, site, enough)
        try:
            reader.read_all_pieces()
            more = memory(site) - before
            reader.read_the_end()
        finally:
            enough.set()
        reading.result()
        return Outcome(reader.exchange, reader, more, health.result())


def memory(site: Site) -> int:
    return int(psutil.Process(site.serving_pid).memory_info().rss)


def settled_memory(site: Site) -> int:
    """What it holds once nothing is being imported or freed any more, nor waits for a core to be; 0 until then."""
    first, busy_before = memory(site), busy_s(site.serving_pid)
    time.sleep(0.5)
    second, busy = memory(site), busy_s(site.serving_pid) - busy_before
    return second if abs(second - first) < 100_000 and busy < 0.1 else 0


@contextmanager
def viewers(site: Site, message_id: UUID, count: int) -> Iterator[list[socket.socket]]:
    """Viewers that have asked for the stream and have hardly any room for it."""
    with ExitStack() as open_sockets:
        yield [open_sockets.enter_context(deaf_viewer(site.port, message_id)) for _ in range(count)]


def read_slowly(connections: list[socket.socket], enough: Signal) -> None:
    """1 KB a second from each."""
    while not enough.wait(0.1):
        for connection in connections:
            with suppress(BlockingIOError):
                connection.recv(102)


def ask_how_it_is(site: Site, enough: Signal) -> list[float]:
    """Seconds that `/healthz` takes, again and again."""
    took = []
    with site.signed_in("bob") as client:
        while not enough.wait(0.05):
            began = time.monotonic()
            assert client.get("/healthz").status_code == 200
            took.append(time.monotonic() - began)
    return took


def test_who_does_not_read_costs_bounded_memory(outcome: Outcome) -> None:
    print(f"{outcome.more_memory / 1e6:.1f} MB more with {DEAF} deaf and {SLOW} slow viewers")
    assert outcome.more_memory < MORE_AT_MOST


def test_the_others_are_served_meanwhile(outcome: Outcome) -> None:
    took = sorted(outcome.health_took_s)

    print(f"/healthz {took[-1]:.3f} s at most, {took[len(took) // 2]:.3f} s usually")
    assert took[-1] < ANSWERS_WITHIN_S
    assert outcome.exchange.text == WHOLE
    assert outcome.reader.page.events.count("delta") > len(PIECES) / 2
    assert "".join(shown(outcome.reader.final, "text")) == canonical(render(WHOLE))


def test_a_reader_whose_budget_is_used_up_comes_back_and_misses_nothing(outcome: Outcome) -> None:
    page = outcome.reader.page

    print(f"{outcome.reader.connections} connections")
    assert outcome.reader.connections > 5
    assert page.events.count("reset") == 1
    assert canonical(render("".join(PIECES))).startswith(page.blocks(0))
