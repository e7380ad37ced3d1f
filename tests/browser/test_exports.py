"""Exports in Chromium: the bar moves by itself, and pages of an HTML export neither run nor fetch anything."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from playwright.async_api import Browser, expect

from conversations.exporting.html import page_of
from conversations.exporting.records import ConversationRecord, MessageRecord, PartRecord, Person, RunRecord
from tests.browser.reader import NETWORK_FAILED
from tests.browser.test_attacks import SUSPICIOUS
from tests.rendering.corpus import answers, chosen, payloads
from tests.rendering.test_safety import POSITIONS, filled
from tests.servers import Site
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask
from tests.site.test_exports import worker

ATTACKS = 1500
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def message(role: str, *parts: tuple[str, str], parent: MessageRecord | None = None) -> MessageRecord:
    runs = [RunRecord(uuid4(), "openai:sim", "complete", "", "stop", NOW, NOW, [])] if role == "assistant" else []
    records = [PartRecord(index, kind, text, {}) for index, (kind, text) in enumerate(parts)]
    return MessageRecord(uuid4(), parent.id if parent else None, role, NOW, True, 1, 1, records, runs)


def attacked() -> ConversationRecord:
    """A conversation that is made of attacks: title, owner, prompt, questions, thoughts, answers, names of files."""
    choice = chosen("attacks in exports")
    picked = choice.sample(payloads(), ATTACKS)
    text = "\n\n".join(filled(POSITIONS[number % len(POSITIONS)], one) for number, one in enumerate(picked))
    raw = "\n".join(picked)
    question = message("user", ("text", raw))
    answer = message("assistant", ("reasoning", text), ("text", text), parent=question)
    answer.runs[0].model = picked[0]
    question.parts.append(PartRecord(1, "file", "", {"name": picked[1]}))
    question.parts.append(
        PartRecord(2, "image", "", {"name": picked[2], "media_type": 'image/png"><script>', "base64": picked[3]})
    )
    question.parts.append(PartRecord(3, "tool_call", "", {"name": picked[4]}))
    return conversation_of([question, answer], title=picked[5], owner=picked[6], prompt=picked[7])


def conversation_of(
    messages: list[MessageRecord], *, title: str = "A title", owner: str = "alice", prompt: str = ""
) -> ConversationRecord:
    return ConversationRecord(
        id=uuid4(),
        owner=Person(1, owner, ""),
        title=title,
        model="openai:sim",
        system_prompt=prompt,
        settings={},
        pinned=False,
        archived=False,
        created_at=NOW,
        updated_at=NOW,
        chosen_leaf=messages[-1].id,
        messages=messages,
    )


async def looked_at(chromium: Browser, path: Path) -> tuple[list[str], list[Any], bytes]:
    """(what was heard and asked for, suspicious elements, the page on paper) of a file opened from the disk."""
    context = await chromium.new_context()
    heard: list[str] = []
    context.on("console", lambda said: heard.append(f"{said.type}: {said.text}"))
    context.on("weberror", lambda error: heard.append(f"exception: {error.error}"))
    context.on("request", lambda request: heard.append(f"request: {request.url}"))

    async def dismiss(dialog: Any) -> None:
        heard.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    context.on("dialog", dismiss)
    page = await context.new_page()
    await page.goto(path.as_uri())
    for summary in await page.locator("summary").all():
        await summary.click()
    suspicious = await page.locator("main").evaluate(SUSPICIOUS)
    assert await page.locator("script").count() == 0
    paper = await page.pdf()
    assert page.url == path.as_uri()
    await context.close()
    return heard, suspicious, paper


async def test_a_page_of_an_export_runs_nothing_and_asks_for_nothing(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "attacked.html"
    path.write_text(page_of(attacked()))
    heard, suspicious, paper = await looked_at(chromium, path)

    assert heard == [f"request: {path.as_uri()}"]
    assert suspicious == []
    assert paper.startswith(b"%PDF")


async def test_a_page_of_an_export_looks_as_it_should_without_the_site(chromium: Browser, tmp_path: Path) -> None:
    question = message("user", ("text", "How?"))
    said = [message("assistant", ("text", text), parent=question) for text in answers()]
    path = tmp_path / "page.html"
    path.write_text(page_of(conversation_of([question, *said])))
    heard, _, _ = await looked_at(chromium, path)
    page = await chromium.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    await page.goto(path.as_uri())
    background = await page.locator("html").evaluate("element => getComputedStyle(element).backgroundColor")
    overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    await page.close()

    assert heard == [f"request: {path.as_uri()}"]
    assert background == "rgb(27, 26, 25)"
    assert overflow <= 0


async def test_the_bar_of_an_export_moves_by_itself_to_its_end(
    open_reader: Any, shared_site: Site, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": "Yes.", "tokens_per_s": 0})
    with shared_site.signed_in("alice") as client:
        ask(shared_site, client, "Will this be exported?").ended()
    reader = await open_reader(shared_site.url)
    # A preview that is overtaken by the next one, or by the export itself, is given up.
    reader.troubles.expect(*NETWORK_FAILED)
    page = reader.page
    await reader.goto("/exports/")
    await page.get_by_label("With these words").fill("Will this be exported")
    await expect(page.locator("#preview")).to_contain_text("1 conversation, 2 messages, about")
    await page.get_by_label("CSV (a row per message)").check()
    await page.get_by_role("button", name="Export", exact=True).click()
    await expect(page.get_by_text("Waiting for a worker…")).to_be_visible()
    await page.evaluate("window.stayed = true")
    with worker(shared_site):
        await expect(page.get_by_role("heading", name="Your export is ready")).to_be_visible(timeout=60_000)
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Download").click()
    download = await downloading.value

    content = await asyncio.to_thread(Path(await download.path()).read_text)

    assert await page.evaluate("window.stayed")
    assert "Will this be exported?" in content
    assert download.suggested_filename.endswith(".csv")
    await expect(page.locator("[sse-connect]")).to_have_count(0)


async def test_an_export_can_be_cancelled_and_works_without_scripts(open_reader: Any, shared_site: Site) -> None:
    reader = await open_reader(shared_site.url, java_script_enabled=False)
    page = reader.page
    await reader.goto("/exports/")
    await page.get_by_label("With these words").fill("words that nobody has said")
    await page.get_by_role("button", name="Count").click()
    await expect(page.locator("#preview")).to_contain_text("No conversation is like that.")
    await page.get_by_role("button", name="Export", exact=True).click()
    await page.get_by_role("button", name="Cancel the export").click()
    await expect(page.get_by_role("heading", name="The export was cancelled")).to_be_visible()


async def test_the_menus_lead_to_exports(open_reader: Any, shared_site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "Yes.", "tokens_per_s": 0})
    reader = await open_reader(shared_site.url)
    page = reader.page
    await reader.goto("/")
    await reader.ask("Export me")
    await reader.until_done()
    await reader.press("What to do with this conversation")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="Export as Markdown").click()
    download = await downloading.value
    assert download.suggested_filename.startswith("export-me-")
    await reader.goto("/")
    await page.get_by_role("button", name="alice").click()
    await page.get_by_role("link", name="Export conversations").click()
    await expect(page.get_by_role("heading", name="Export conversations")).to_be_visible()
