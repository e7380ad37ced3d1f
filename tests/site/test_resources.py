"""Open pages and running answers cost memory only: no thread, no database connection, and nothing for the others."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx2
import psutil
import pytest

from tests.processes import from_nothing
from tests.servers import WARM, Site, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, ask
from tests.site.viewing import View, viewing

VIEWERS, RUNS = 300, 50
LANES, SPARE = 4, 5
DEAF = 50


@dataclass(frozen=True)
class Footprint:
    """What a server process holds. `connections` are open files of the database, of which each connection has one."""

    threads: int
    connections: int
    sockets: int
    rss: int


def footprint(site: Site) -> Footprint:
    process = psutil.Process(site.pid)
    with process.oneshot():
        return Footprint(
            threads=process.num_threads(),
            connections=sum(file.path.endswith("db.sqlite3") for file in process.open_files()),
            sockets=len(process.net_connections()),
            rss=process.memory_info().rss,
        )


@pytest.fixture
def busy_site(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[Site]:
    settings = simulated(simulator, "sim:sim,sim:a") | WARM | {"CHAT_LANES": str(LANES)}
    with running_site(template, tmp_path / "site", begin=from_nothing, **settings) as site:
        yield site


@pytest.fixture
def answers(busy_site: Site, simulator: SimulatorClient) -> list[Exchange]:
    """Fifty answers that have begun and go on slowly."""
    simulator.script("sim", {"text": "Some *words* of a long answer.\n\n" * 2000, "tokens_per_s": 5})
    with busy_site.signed_in("alice") as client:
        begun = [ask(busy_site, client) for _ in range(RUNS)]
    # Until then none of them needs have its connection: the first one waits for the SDK.
    wait_for(lambda: len(simulator.requests(model="sim")) == RUNS)
    return begun


def test_viewers_and_runs_share_the_threads_and_connections_of_the_lanes(
    busy_site: Site, answers: list[Exchange], simulator: SimulatorClient
) -> None:
    before = wait_for(lambda: settled(busy_site))

    async def watched() -> tuple[Footprint, float]:
        async with AsyncExitStack() as open_views:
            views = await connected(open_views, busy_site, [answer.message_id for answer in answers])
            with_viewers = footprint(busy_site)
            latency_s = await asyncio.to_thread(latency, busy_site)
            for view in views:
                assert await view.event()
            return with_viewers, latency_s

    with_viewers, latency_s = asyncio.run(watched())
    after = wait_for(lambda: gone(busy_site, before), otherwise=lambda: f"{before}, still {footprint(busy_site)}")

    print(f"before {before}\nwith {VIEWERS} viewers {with_viewers}\nafter {after}")
    print(
        f"{(with_viewers.rss - before.rss) / VIEWERS / 1024:.0f} KB a viewer, other requests {latency_s * 1000:.0f} ms"
    )
    assert with_viewers.connections <= LANES + SPARE
    assert with_viewers.threads <= before.threads + SPARE
    assert after.threads <= before.threads + SPARE
    assert all(answer.status == "active" for answer in answers)
    assert len(simulator.requests(model="sim")) == RUNS


def settled(site: Site) -> Footprint | None:
    """The footprint once nothing is being started any more."""
    first = footprint(site)
    time.sleep(0.3)
    second = footprint(site)
    return second if (first.threads, first.sockets) == (second.threads, second.sockets) else None


async def connected(open_views: AsyncExitStack, site: Site, message_ids: list[UUID]) -> list[View]:
    views = []
    for number in range(VIEWERS):
        view = await open_views.enter_async_context(viewing(site.port, message_ids[number % len(message_ids)]))
        assert await view.event()
        views.append(view)
    return views


def latency(site: Site) -> float:
    """Seconds that the list of conversations takes, the middle of five."""
    with site.signed_in("bob") as client:
        took = []
        for _ in range(5):
            began = time.monotonic()
            assert client.get("/conversations/").status_code == 200
            took.append(time.monotonic() - began)
    return sorted(took)[2]


def gone(site: Site, before: Footprint) -> Footprint | None:
    """The footprint once all viewers have left."""
    now = footprint(site)
    return now if now.sockets <= before.sockets + SPARE else None


def test_a_viewer_that_never_reads_costs_the_others_nothing(busy_site: Site, simulator: SimulatorClient) -> None:
    """Its own buffer stays small, and the answer is finished and stored without it."""
    simulator.script("sim", {"text": "Short.", "tokens_per_s": 0})
    simulator.script("a", {"text": "Many words without an end. " * 4000, "tokens_per_s": 0, "hold_at": (100,)})
    with busy_site.signed_in("alice") as client:
        play(busy_site, client, 10)
        exchange = ask(busy_site, client, model="sim:a")

        async def deaf() -> None:
            async with AsyncExitStack() as open_views:
                for _ in range(DEAF):
                    view = await open_views.enter_async_context(viewing(busy_site.port, exchange.message_id))
                    view.reader._transport.pause_reading()  # type: ignore[attr-defined]
                await asyncio.to_thread(simulator.wait_for, lambda seen: seen.state == "holding")
                await asyncio.to_thread(simulator.release)
                await asyncio.to_thread(exchange.ended)

        before = footprint(busy_site)
        asyncio.run(deaf())

        more = (footprint(busy_site).rss - before.rss) / 2**20
        print(f"{more:.1f} MB more with {DEAF} deaf viewers")
        assert more < DEAF
        assert exchange.status == "complete"
        assert client.get("/conversations/").status_code == 200


def test_runs_leave_nothing_behind(busy_site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "Short.", "tokens_per_s": 0})
    with busy_site.signed_in("alice") as client:
        play(busy_site, client, 10)
        before = wait_for(lambda: settled(busy_site))
        play(busy_site, client, 40)
        after = wait_for(lambda: settled(busy_site))

    print(f"before {before}\nafter {after}")
    assert after.threads <= before.threads + SPARE
    assert after.connections <= LANES + SPARE
    assert after.sockets <= before.sockets + SPARE


def play(site: Site, client: httpx2.Client, times: int) -> None:
    for exchange in [ask(site, client) for _ in range(times)]:
        exchange.ended()
