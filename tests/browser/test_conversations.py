"""Versions of questions and answers, and what is done with whole conversations."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.reader import NETWORK_FAILED, Reader, let_go
from tests.servers import Site, running_site, simulated
from tests.simulator.client import SimulatorClient


def says(simulator: SimulatorClient, text: str) -> None:
    simulator.script("sim", {"text": text, "tokens_per_s": 0})


async def edit(reader: Reader, text: str) -> None:
    """The last question."""
    await reader.page.locator(".message-user").last.hover()
    await reader.page.get_by_role("link", name="Edit this question").last.click()
    box = reader.page.locator(".edit").get_by_label("Your message")
    await expect(box).to_be_focused()
    await box.fill(text)
    await box.press("Enter")


async def test_an_answer_is_regenerated_and_both_versions_are_kept(alice: Reader, simulator: SimulatorClient) -> None:
    says(simulator, "The first answer.")
    await alice.ask()
    await alice.until_done()
    says(simulator, "The second answer.")
    await alice.answer.get_by_role("button", name="Regenerate this answer").click()
    await alice.sees("The second answer.")
    await alice.sees("2/2")
    await alice.answer.get_by_role("button", name="Previous version").click()
    await alice.sees("The first answer.")
    await alice.sees("1/2")
    await expect(alice.answer.get_by_role("button", name="Previous version")).to_be_disabled()
    await alice.page.reload()
    await alice.sees("The first answer.")
    await alice.page.keyboard.press("Tab")
    await alice.answer.get_by_role("button", name="Next version").click()
    await alice.sees("The second answer.")


async def test_a_question_is_edited_and_its_older_version_keeps_its_answers(
    alice: Reader, simulator: SimulatorClient
) -> None:
    says(simulator, "Of cats.")
    await alice.ask("Speak of cats")
    await alice.until_done()
    await alice.ask("More of them")
    await alice.until_done()
    await alice.page.reload()
    says(simulator, "Of dogs.")
    await alice.page.locator(".message-user").first.hover()
    await alice.page.get_by_role("link", name="Edit this question").first.click()
    box = alice.page.locator(".edit").get_by_label("Your message")
    await expect(box).to_have_value("Speak of cats")
    await box.fill("Speak of dogs")
    await alice.page.locator(".edit").get_by_role("button", name="Send").click()
    await alice.sees("Of dogs.")
    await expect(alice.answers).to_have_count(1)
    question = alice.page.locator(".message-user").first
    await expect(question).to_contain_text("2/2")
    await question.get_by_role("button", name="Previous version").click()
    await expect(alice.answers).to_have_count(2)
    await expect(question).to_contain_text("Speak of cats")


async def test_editing_can_be_cancelled(alice: Reader, simulator: SimulatorClient) -> None:
    says(simulator, "Yes.")
    await alice.ask("Speak of cats")
    await alice.until_done()
    await alice.page.locator(".message-user").hover()
    await alice.page.get_by_role("link", name="Edit this question").click()
    await alice.page.get_by_role("link", name="Cancel").click()
    await expect(alice.page.locator(".edit")).to_have_count(0)
    await expect(alice.page.locator(".message-user")).to_contain_text("Speak of cats")


async def test_an_edited_question_that_cannot_be_answered_now_is_kept(
    alice: Reader, simulator: SimulatorClient
) -> None:
    """From a tab that does not know that an answer is being written."""
    says(simulator, "Yes.")
    await alice.ask("Speak of cats")
    await alice.until_done()
    other = await alice.another_tab()
    simulator.script("sim", {"text": "One. Two.", "tokens_per_s": 0, "hold_at": (5,)})
    await alice.ask("And then?")
    await alice.sees("One.")
    await edit(other, "Speak of dogs, which took me long to write")

    await expect(other.page.get_by_text("still being answered")).to_be_visible()
    await expect(other.page.locator(".edit textarea")).to_have_value("Speak of dogs, which took me long to write")
    await let_go(simulator)
    await alice.until_done()


async def test_a_conversation_is_renamed(alice: Reader, simulator: SimulatorClient) -> None:
    says(simulator, "Yes.")
    await alice.ask("Speak of cats")
    await alice.until_done()
    await alice.press("What to do with this conversation")
    await alice.page.get_by_role("link", name="Rename", exact=True).click()
    box = alice.page.get_by_role("dialog").get_by_label("Title")
    await expect(box).to_have_value("Speak of cats")
    await expect(box).to_be_focused()
    await box.fill("Renamed to unicorns")
    await box.press("Enter")
    await expect(alice.page.get_by_role("heading", level=1)).to_have_text("Renamed to unicorns")
    await expect(alice.page.locator(".entry[aria-current=page]")).to_have_text("Renamed to unicorns")
    await expect(alice.page).to_have_title("Renamed to unicorns · Chatsite")
    await alice.shows("Yes.")

    await alice.goto("/conversations/")
    await alice.page.get_by_role("searchbox").press_sequentially("unicorns renamed")
    await expect(alice.page.locator("#results").get_by_role("status")).to_have_text("1 conversation found")
    await alice.page.get_by_role("link", name="Renamed to unicorns", exact=True).first.click()
    await alice.shows("Yes.")
    await alice.page.go_back(wait_until="commit")
    await expect(alice.page.get_by_role("searchbox")).to_have_value("unicorns renamed")


async def test_a_conversation_is_deleted_after_a_question(
    alice: Reader, shared_site: Site, simulator: SimulatorClient
) -> None:
    says(simulator, "Yes.")
    await alice.ask("Speak of dinosaurs")
    await alice.until_done()
    conversation = alice.conversation_id
    await alice.press("What to do with this conversation")
    await alice.page.get_by_role("link", name="Delete", exact=True).click()
    dialog = alice.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Speak of dinosaurs")
    await dialog.get_by_role("link", name="Cancel").click()
    await expect(dialog).to_have_count(0)
    await alice.press("What to do with this conversation")
    await alice.page.get_by_role("link", name="Delete", exact=True).click()
    await dialog.get_by_role("button", name="Delete").click()
    await expect(alice.page.locator(".greeting")).to_be_visible()

    assert shared_site.rows("SELECT 1 FROM conversations_conversation WHERE id = ?", conversation.hex) == []
    await expect(alice.page.locator(f"#entry-{conversation}")).to_have_count(0)


async def test_what_is_gone_is_said_when_something_is_done_with_it(alice: Reader, simulator: SimulatorClient) -> None:
    alice.troubles.expect(*NETWORK_FAILED, "status of 404")
    says(simulator, "Yes.")
    await alice.ask()
    await alice.until_done()
    other = await alice.another_tab(f"{alice.page.url}delete")
    await other.press("Delete")
    await alice.answer.get_by_role("button", name="Regenerate this answer").click()
    await expect(alice.page.get_by_role("alert").filter(has_text="does not exist any more")).to_be_visible()


@pytest.fixture
def strict_site(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[Site]:
    """A site where a model names conversations, and nobody may have two answers running."""
    settings = simulated(simulator, "sim:sim") | {"CHAT_TITLES": "model", "CHAT_RUNS_PER_USER": "1"}
    with running_site(template, tmp_path / "site", **settings) as site:
        yield site


async def test_titles_appear_and_limits_are_told(
    strict_site: Site, open_reader: Any, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": "A much better title.", "tokens_per_s": 0}, purpose="title")
    says(simulator, "Yes.")
    reader = await open_reader(strict_site.url)
    await reader.goto("/")
    await reader.ask("Speak of cats")
    await reader.until_done()
    await expect(reader.page.get_by_role("heading", level=1)).to_have_text("A much better title")
    await expect(reader.page.locator(".entry[aria-current=page]")).to_have_text("A much better title")
    await expect(reader.page).to_have_title("A much better title · Chatsite")

    simulator.script("sim", {"stall_before_first": True})
    await reader.ask("Wait")
    await asyncio.to_thread(simulator.wait_for, lambda seen: seen.state == "stalled")
    reader.troubles.expect(*NETWORK_FAILED, "status of 429")
    other = await reader.another_tab("/")
    await other.question.fill("One too many")
    await other.question.press("Enter")
    alert = other.page.get_by_role("alert").filter(has_text="as many as one person may have")
    await expect(alert).to_be_visible()
    await expect(other.question).to_have_value("One too many")
    await expect(alert.get_by_role("link", name="A much better title")).to_be_visible()
