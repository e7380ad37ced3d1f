"""Many pages lose their streams at once, because their process ends: they do not all come back at the same moment."""

import asyncio
import re
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.servers import Site
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, ask, stop
from tests.site.pairs import Pair, needs_servers, running_beside
from tests.site.viewing import View, viewing

pytestmark = [pytest.mark.slow, needs_servers]
PAGES, AT_ONCE = 300, 25
# Quarters of the two seconds over which they are spread.
RETRY = re.compile(rb"^retry: (\d+)$", re.MULTILINE)
FIRST_MS, LAST_MS, QUARTER_MS = 1000, 3000, 500


def test_pages_come_back_spread_over_two_seconds(pair: Pair, tmp_path: Path, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "Some words. " * 1000, "tokens_per_s": 1})
    with pair.writer.signed_in("alice") as client, running_beside(pair, tmp_path) as site:
        exchange = ask(pair.writer, client)
        waits_ms = asyncio.run(told_to_wait(site, exchange))
        stop(client, exchange)

    spread = Counter((wait_ms - FIRST_MS) // QUARTER_MS for wait_ms in waits_ms)
    print(f"{len(waits_ms)} pages come back within {min(waits_ms)} and {max(waits_ms)} ms; by quarters: {spread}")
    assert FIRST_MS <= min(waits_ms) <= max(waits_ms) <= LAST_MS
    assert all(0.15 * PAGES < spread[quarter] < 0.35 * PAGES for quarter in range(4))


async def told_to_wait(site: Site, exchange: Exchange) -> list[int]:
    """What the pages of a process that is told to end were told last, in milliseconds."""
    async with AsyncExitStack() as closing:
        views: list[View] = []
        for _ in range(PAGES // AT_ONCE):
            opening = (closing.enter_async_context(viewing(site.port, exchange.message_id)) for _ in range(AT_ONCE))
            views += await asyncio.gather(*opening)
        ends = asyncio.gather(*(last_retry(view) for view in views))
        await asyncio.to_thread(site.stop)
        return await ends


async def last_retry(view: View) -> int:
    """Of the rest of the stream, which ends plainly."""
    rest = await view.reader.read()
    assert b"event: done" not in rest
    return int(RETRY.findall(rest)[-1])
