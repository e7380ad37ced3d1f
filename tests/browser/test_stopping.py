"""Stop: at once, from any tab, and what was written stays as it was."""

import asyncio

from tests.browser.reader import Reader
from tests.servers import Site
from tests.simulator.client import SimulatorClient
from tests.simulator.records import Seen
from tests.stopwatch import Stopwatch

WITHIN_S = 1.5
ENDLESS = {"text": "Another sentence. " * 2000, "tokens_per_s": 60}


async def stopped(reader: Reader, watched: Reader | None = None) -> None:
    """Press Stop; `watched` shows the end of it in time."""
    watch = Stopwatch()
    await reader.press("Stop")
    await (watched or reader).sees("This answer was stopped.")
    assert watch.took_s() < WITHIN_S


async def test_before_the_first_word(alice: Reader, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"stall_before_first": True})
    await alice.ask()
    await asyncio.to_thread(simulator.wait_for)
    await stopped(alice)

    await alice.sees("Your message was kept.")
    await asyncio.to_thread(simulator.wait_for, is_gone)
    assert await alice.shown() == ""
    assert await alice.page.get_by_role("button", name="Continue").count() == 0
    simulator.script("sim", {"text": "Now it speaks.", "tokens_per_s": 0})
    await alice.press("Retry")
    await alice.sees("Now it speaks.")


async def test_in_the_middle(alice: Reader, shared_site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", ENDLESS)
    await alice.ask()
    await alice.sees("sentence. Another sentence.")
    await stopped(alice)

    await asyncio.to_thread(simulator.wait_for, is_gone)
    exchange = alice.exchange(shared_site)
    assert exchange.status == "stopped"
    assert ENDLESS["text"].startswith(exchange.text)
    await alice.shows(exchange.text)
    await alice.page.reload()
    await alice.shows(exchange.text)
    await alice.sees("Everything above was kept.")
    assert await alice.open_streams() == 0


async def test_from_a_second_tab(alice: Reader, shared_site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", ENDLESS)
    await alice.ask()
    await alice.sees("sentence. Another sentence.")
    other = await alice.another_tab()
    await other.sees("sentence. Another sentence.")
    await stopped(other, watched=alice)

    text = alice.exchange(shared_site).text
    for reader in (alice, other):
        await reader.until_done()
        await reader.shows(text)


async def test_a_stopped_answer_can_be_continued(alice: Reader, shared_site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "One two three four.", "tokens_per_s": 0, "hold_at": (8,)})
    await alice.ask()
    await alice.sees("One two")
    await stopped(alice)
    simulator.script("sim", {"text": "One two three four.", "tokens_per_s": 0})
    await alice.press("Continue")
    await alice.sees("three four.")
    await alice.until_done()

    await alice.shows("One two three four.")
    assert alice.exchange(shared_site).text == "One two three four."


def is_gone(seen: Seen) -> bool:
    return seen.client_gone_at is not None
