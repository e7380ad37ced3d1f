"""The server dies while the page is open: the page says so when it is back, and goes on by a click."""

import asyncio
from functools import partial
from typing import Any

from tests.browser.reader import NETWORK_FAILED
from tests.servers import Site, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange

HALF, REST = "The first half.\n\nThe second ", "half.\n\nThe end.\n\n"


async def test_after_kill_minus_9_the_answer_is_continued_or_retried(
    open_reader: Any, site: Site, simulator: SimulatorClient
) -> None:
    continued = await open_reader(site.url)
    continued.troubles.expect(*NETWORK_FAILED)
    simulator.script("sim", {"text": HALF + REST, "tokens_per_s": 0, "hold_at": (len(HALF),)})
    await continued.goto("/")
    await continued.ask()
    retried = await continued.another_tab("/")
    await retried.ask()
    for reader in (continued, retried):
        await reader.sees("The second")
        await asyncio.to_thread(wait_for, partial(has_saved, reader.exchange(site), HALF))
    await asyncio.to_thread(site.kill)
    await continued.page.wait_for_selector("[data-connection=reconnecting]")
    await asyncio.to_thread(site.start)

    for reader in (continued, retried):
        await reader.sees("The server was restarted while this was being written.")
        await reader.until_done()
        await reader.shows(HALF)
    simulator.script("sim", {"text": HALF + REST, "tokens_per_s": 0})
    await continued.press("Continue")
    await continued.sees("The end.")
    await continued.until_done()
    await continued.shows(HALF + REST)
    assert await continued.answers.count() == 1

    simulator.script("sim", {"text": "Another one.", "tokens_per_s": 0})
    await retried.press("Retry")
    await retried.sees("Another one.")
    await retried.until_done()
    await retried.shows("Another one.")
    await retried.sees("2/2")
    await retried.press("Previous version")
    await retried.shows(HALF)


def has_saved(run: Exchange, text: str) -> bool:
    sql = "SELECT text FROM conversations_draftsegment WHERE generation_id = ? ORDER BY start"
    return "".join(segment for (segment,) in run.site.rows(sql, run.generation_id.hex)) == text
