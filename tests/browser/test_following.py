"""The page follows the end of an answer while its reader is there, and leaves alone those who are not."""

import asyncio
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.reader import Reader, let_go
from tests.servers import Site, manage
from tests.simulator.client import SimulatorClient

HALF = "\n\n".join(f"Paragraph {number} of the first half." for number in range(60)) + "\n\n"
REST = "\n\n".join(f"Paragraph {number} of the second half." for number in range(60)) + "\n\n"
TO_END = "document.documentElement.scrollHeight - innerHeight - scrollY"
NOTE_BEFORE_SWAP = """document.addEventListener("htmx:beforeSwap", () => {
  window.first = [...document.querySelectorAll(".message")].find((one) => one.getBoundingClientRect().top > 60)
  window.firstAt = first.getBoundingClientRect().top
})"""
STAYED = "() => Math.abs(first.getBoundingClientRect().top - firstAt) < 3"
EXCHANGES = 60
SEED = f"""
from tests.conversations.rows import answered, asked, new_conversation
conversation = new_conversation("alice")
for number in range({EXCHANGES}):
    more = "More of it. " * (number * 7 % 90)
    answered(asked(conversation, f"Question {{number}}"), f"Answer {{number}}.\\n\\n{{more}}")
print(conversation.get_absolute_url())
"""


async def asked(reader: Reader, simulator: SimulatorClient) -> None:
    """An answer longer than the screen, of which half is there."""
    simulator.script("sim", {"text": HALF + REST, "tokens_per_s": 3000, "hold_at": (len(HALF),)})
    await reader.ask()
    await reader.sees("Paragraph 59 of the first half.")


async def test_the_end_is_followed(alice: Reader, simulator: SimulatorClient) -> None:
    await asked(alice, simulator)
    assert await alice.page.evaluate(TO_END) < 50
    await let_go(simulator)
    await alice.sees("Paragraph 59 of the second half.")
    await alice.until_done()
    await alice.page.wait_for_function(f"() => {TO_END} < 50")
    await expect(alice.page.locator("#to-end")).to_be_hidden()


async def test_who_scrolls_away_stays_there_until_asked_back(alice: Reader, simulator: SimulatorClient) -> None:
    await asked(alice, simulator)
    await alice.page.mouse.move(400, 300)
    await alice.page.mouse.wheel(0, -900)
    await alice.page.wait_for_function(f"() => {TO_END} > 500")
    await expect(alice.page.locator("#to-end")).to_be_visible()
    seen = await topmost(alice.page)
    await let_go(simulator)
    await alice.sees("Paragraph 59 of the second half.")
    assert await topmost(alice.page) == seen
    await alice.until_done()
    await alice.shows(HALF + REST)
    assert await topmost(alice.page) == seen
    await alice.page.locator("#to-end").click()
    await alice.page.wait_for_function(f"() => {TO_END} < 50")
    await expect(alice.page.locator("#to-end")).to_be_hidden()


async def topmost(page: Page) -> str:
    """The paragraph in the middle of the screen."""
    text: str = await page.evaluate(
        "[...document.querySelectorAll('.markdown p')].find(p => p.getBoundingClientRect().top > 300).textContent"
    )
    return text


async def test_earlier_messages_come_as_the_reader_scrolls_up_and_nothing_jumps(
    open_reader: Any, shared_site: Site
) -> None:
    arguments = ("shell", "--no-imports", "-c", SEED)
    path = await asyncio.to_thread(manage, shared_site.data_dir, *arguments, **shared_site.settings)
    reader = await open_reader(shared_site.url)
    page: Page = reader.page
    await reader.goto(path.strip())
    await expect(page.locator(".message")).to_have_count(40)
    await page.wait_for_function(f"() => {TO_END} < 50")
    await page.evaluate(NOTE_BEFORE_SWAP)
    for count in (80, 120):
        await page.evaluate("scrollTo({top: 500})")
        await page.evaluate("scrollTo({top: 300})")
        await expect(page.locator(".message")).to_have_count(count)
        await page.wait_for_function(STAYED)
    await expect(page.locator("#earlier")).to_have_count(0)
    shown = await page.locator(".said").all_text_contents()
    assert shown == [f"Question {number}" for number in range(EXCHANGES)]
