"""Without JavaScript everything works by forms and pages; a page whose answer is being written refreshes itself."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.reader import let_go
from tests.servers import Site, running_site, simulated
from tests.simulator.client import SimulatorClient
from tests.simulator.records import Seen

PASSWORD = "a long enough password of dora"


@pytest.fixture
def empty_site(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[Site]:
    """A site on which nobody has an account yet."""
    with running_site(without_people(template, tmp_path), tmp_path / "site", **simulated(simulator, "sim:sim")) as site:
        yield site


def without_people(template: Path, folder: Path) -> Path:
    empty = folder / "template"
    empty.mkdir()
    with sqlite3.connect(template / "db.sqlite3") as full, sqlite3.connect(empty / "db.sqlite3") as database:
        full.backup(database)
        database.executescript("DELETE FROM auth_user; DELETE FROM django_session;")
    full.close()
    database.close()
    return empty


async def test_from_the_first_account_to_signing_out(
    empty_site: Site, open_reader: Any, simulator: SimulatorClient
) -> None:
    reader = await open_reader(empty_site.url, "", java_script_enabled=False)
    page: Page = reader.page
    await reader.goto("/")
    await page.get_by_role("link", name="Make the first account").click()
    await page.get_by_label("Username").fill("dora")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("Password (again)").fill(PASSWORD)
    await reader.press("Make account")
    assert empty_site.rows("SELECT username, is_staff, is_superuser FROM auth_user") == [("dora", 1, 1)]

    simulator.script("sim", {"text": "First half. Second half.", "tokens_per_s": 0, "hold_at": (12,)})
    await reader.question.fill("A question about hashes")
    await reader.press("Send")
    await reader.sees("sim is writing")
    await let_go(simulator)
    await refreshed_until_done(reader, "Second half.")
    conversation = page.url

    await stop_and_continue(reader, simulator)
    await another_version(reader, simulator)

    await reader.goto(f"{conversation}rename")
    await page.get_by_label("Title").fill("About trees")
    await reader.press("Rename")
    await expect(page.get_by_role("heading", level=1)).to_have_text("About trees")
    await reader.goto("/conversations/")
    await page.get_by_role("searchbox").fill("trees")
    await page.get_by_role("searchbox").press("Enter")
    await expect(page.get_by_role("status")).to_have_text("1 conversation found")
    await page.get_by_role("link", name="Delete About trees").click()
    await reader.press("Delete")
    await reader.goto("/conversations/")
    await expect(page.get_by_text("Nothing here yet.")).to_be_visible()

    await page.get_by_role("button", name="dora").click()
    await reader.press("Sign out")
    await reader.goto("/")
    await page.get_by_label("Username").fill("dora")
    await page.get_by_label("Password").fill(PASSWORD)
    await reader.press("Sign in")
    await expect(reader.question).to_be_visible()


async def stop_and_continue(reader: Any, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "One two three four.", "tokens_per_s": 0, "hold_at": (8,)})
    await reader.question.fill("Count")
    await reader.press("Send")
    await asyncio.to_thread(simulator.wait_for, is_holding)
    await reader.press("Stop")
    await reader.sees("This answer was stopped.")
    simulator.script("sim", {"text": "One two three four.", "tokens_per_s": 0})
    await reader.press("Continue")
    await refreshed_until_done(reader, "One two three four.")


async def another_version(reader: Any, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "Five six.", "tokens_per_s": 0})
    await reader.answer.get_by_role("button", name="Regenerate this answer").click()
    await refreshed_until_done(reader, "Five six.")
    await reader.sees("2/2")
    await reader.answer.get_by_role("button", name="Previous version").click()
    await reader.sees("One two three four.")
    await reader.page.get_by_role("link", name="Edit this question").last.click()
    await reader.page.locator(".edit textarea").fill("Count on")
    await reader.page.locator(".edit").get_by_role("button", name="Send").click()
    await refreshed_until_done(reader, "Five six.")
    await expect(reader.page.locator(".message-user").last).to_contain_text("Count on")
    await expect(reader.page.locator(".message-user").last).to_contain_text("2/2")


async def refreshed_until_done(reader: Any, words: str) -> None:
    """The page comes to the end by itself; to reload it meanwhile would meet its own refresh."""
    await reader.sees(words)
    await expect(reader.page.locator("noscript")).to_have_count(0)
    await expect(reader.page.get_by_role("button", name="Send")).to_be_visible()


def is_holding(seen: Seen) -> bool:
    return seen.state == "holding"
