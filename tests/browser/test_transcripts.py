"""Staff read somebody's conversation by keyboard, under the real policy; its owner sees who, when and why."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.browser.reader import Reader
from tests.browser.test_attacks import SUSPICIOUS
from tests.browser.test_keyboard import CONTRAST, reach_everything
from tests.rendering.corpus import chosen, payloads
from tests.servers import Site
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask

REASON = "Ticket 4711: the answer breaks off"


@pytest_asyncio.fixture(loop_scope="session")
async def transcript(shared_site: Site, simulator: SimulatorClient) -> AsyncIterator[str]:
    """Where carol reads a new conversation of alice, whose answer is full of attacks."""
    attacks = chosen("transcripts in the browser").sample(payloads(), 120)
    text = "An innocent beginning.\n\n![pixel](http://evil.example/seen.png)\n\n" + "\n\n".join(attacks)
    simulator.script("sim", {"text": text, "reasoning": attacks[0], "tokens_per_s": 0, "token_chars": (500, 3000)})
    with shared_site.signed_in("alice") as alice:
        exchange = await asyncio.to_thread(ask, shared_site, alice, "<script>alert(1)</script> What is this?")
        await asyncio.to_thread(exchange.ended)
    yield f"/admin/conversations/conversation/{exchange.conversation_id}/transcript/"
    # The readings of one test are not those of the next.
    with closing(sqlite3.connect(shared_site.data_dir / "db.sqlite3", timeout=10)) as database, database:
        database.execute("DELETE FROM conversations_auditentry")


async def read(reader: Reader, transcript: str) -> None:
    """As somebody does who has no mouse."""
    await reader.goto(transcript)
    await expect(reader.page.get_by_label("Why do you need to read it?")).to_be_focused()
    await reader.page.keyboard.type(REASON)
    await reader.page.keyboard.press("Tab")
    await expect(reader.page.get_by_role("button", name="Log it and read")).to_be_focused()
    await reader.page.keyboard.press("Enter")
    await expect(reader.page.get_by_text("You are reading a conversation of alice")).to_be_visible()
    await reader.page.wait_for_load_state()


async def test_a_conversation_is_read_by_keyboard_and_its_owner_sees_it(
    open_reader: Any, shared_site: Site, transcript: str
) -> None:
    carol = await open_reader(shared_site.url, "carol")
    await read(carol, transcript)
    await expect(carol.page.get_by_text("An innocent beginning.")).to_be_visible()
    assert await carol.page.locator(".said").first.text_content() == "<script>alert(1)</script> What is this?"

    alice = await open_reader(shared_site.url)
    await alice.goto(
        transcript.replace("/admin/conversations/conversation/", "/conversations/").replace("transcript/", "")
    )
    await alice.page.get_by_role("link", name="Why?").click()
    await expect(alice.page.locator(".reading-entry")).to_contain_text(REASON)
    await expect(alice.page.locator(".reading-entry")).to_contain_text("carol read")


async def test_an_empty_reason_is_asked_for_again(open_reader: Any, shared_site: Site, transcript: str) -> None:
    carol = await open_reader(shared_site.url, "carol")
    carol.troubles.expect("status of 422")
    await carol.goto(transcript)
    await carol.page.get_by_role("button", name="Log it and read").click()
    await expect(carol.page.get_by_role("alert")).to_contain_text("Write why you need to read it.")
    await expect(carol.page.get_by_text("An innocent beginning.")).to_have_count(0)


async def test_attacks_in_a_transcript_stay_text_and_no_picture_loads(
    open_reader: Any, shared_site: Site, transcript: str
) -> None:
    """Any request, dialog or violation of the policy fails the test through `Troubles`."""
    carol = await open_reader(shared_site.url, "carol")
    await read(carol, transcript)
    await carol.page.locator(".reasoning > summary").first.click()
    assert await carol.page.locator("#messages").evaluate(SUSPICIOUS) == []
    await carol.page.locator("a.image-blocked").first.click()
    await expect(carol.page.get_by_role("dialog", name="Open this picture?")).to_be_visible()
    await expect(carol.page.locator("#image-address")).to_contain_text("evil.example")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_its_pages_have_contrast_and_are_reached_by_tab(
    open_reader: Any, shared_site: Site, simulator: SimulatorClient, theme: str
) -> None:
    simulator.script("sim", {"text": "Yes, **that** is `it`.", "reasoning": "Well.", "tokens_per_s": 0})
    with shared_site.signed_in("alice") as alice:
        exchange = await asyncio.to_thread(ask, shared_site, alice, "Is it?")
        await asyncio.to_thread(exchange.ended)
    carol = await open_reader(shared_site.url, "carol", color_scheme=theme, reduced_motion="reduce")
    await carol.goto("/admin/")
    await reach_everything(carol.page)
    poor = await carol.page.evaluate(CONTRAST)
    await read(carol, f"/admin/conversations/conversation/{exchange.conversation_id}/transcript/")
    await reach_everything(carol.page)
    poor += await carol.page.evaluate(CONTRAST)
    owner = await open_reader(shared_site.url, color_scheme=theme)
    for path in ("/account/readers/", exchange.url):
        await owner.goto(path)
        poor += await owner.page.evaluate(CONTRAST)
    assert sorted(set(poor)) == []
