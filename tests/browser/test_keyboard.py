"""Keyboard, screen reader, contrast: whoever does not see the page or use a mouse can do the same."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.reader import Reader
from tests.servers import Site
from tests.simulator.client import SimulatorClient
from tests.simulator.texts import PLEASANT

PAGES = ("/", "/conversations/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/email/")
# Everything a mouse could reach on the page; what is in a closed menu is reached when it is open.
REACHABLE = """
() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
  .filter((element) => !element.disabled && element.type !== "hidden")
  .filter((element) => element.checkVisibility({ visibilityProperty: true }))
  .filter((element) => element.type !== "radio" || element.checked)
  .map((element) => element.outerHTML.slice(0, 120))
"""
FOCUSED = """
() => {
  const element = document.activeElement
  const around = element.closest(".composer, .edit, .search, label, .segments")
  const marked = (it, pseudo) => it && getComputedStyle(it, pseudo).outlineStyle !== "none"
  const changes = around && (marked(around) || around.matches(":focus-within"))
  return [element.outerHTML.slice(0, 120), Boolean(marked(element) || marked(element, "::after") || changes)]
}
"""
CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


async def conversation(reader: Reader, simulator: SimulatorClient) -> None:
    """A page with everything on it: thoughts, code, a table, versions, a stopped answer."""
    simulator.script("sim", {"text": PLEASANT, "reasoning": "Well, well.", "tokens_per_s": 0})
    await reader.ask(model="anthropic:sim")
    await reader.until_done()
    simulator.script("sim", {"text": "One two", "tokens_per_s": 0, "fault": {"kind": "error", "after_chars": 5}})
    await reader.ask("And then?")
    await reader.until_done()
    await reader.answer.get_by_role("button", name="Retry").click()
    await reader.sees("2/2")
    await reader.until_done()


async def test_tab_reaches_everything_and_shows_where_it_is(alice: Reader, simulator: SimulatorClient) -> None:
    await conversation(alice, simulator)
    for path in (alice.page.url, *PAGES):
        await alice.goto(path)
        await reach_everything(alice.page)


async def reach_everything(page: Page) -> None:
    reachable = await page.evaluate(REACHABLE)
    await page.evaluate("document.activeElement.blur()")
    reached: list[str] = []
    for _ in range(len(reachable) + 5):
        await page.keyboard.press("Tab")
        element, marked = await page.evaluate(FOCUSED)
        assert marked or element.startswith("<body"), element
        reached.append(element)
    assert set(reachable) - set(reached) == set(), page.url


async def test_the_skip_link_leads_to_the_message_box(alice: Reader) -> None:
    await alice.page.locator(".brand").first.focus()
    await alice.page.keyboard.press("Shift+Tab")
    skip = alice.page.get_by_role("link", name="Skip to the message box")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await alice.page.keyboard.press("Enter")
    await expect(alice.question).to_be_focused()


async def test_menus_and_questions_by_keyboard(alice: Reader, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "Yes.", "tokens_per_s": 0})
    await alice.ask("Speak of keyboards")
    await alice.until_done()
    menu = alice.page.get_by_role("button", name="What to do with this conversation")
    await menu.focus()
    await alice.page.keyboard.press("Enter")
    await alice.page.keyboard.press("Tab")
    await expect(alice.page.get_by_role("link", name="Rename", exact=True)).to_be_focused()
    await alice.page.keyboard.press("Escape")
    await expect(menu).to_be_focused()
    await alice.page.keyboard.press("Enter")
    for _ in range(5):
        await alice.page.keyboard.press("Tab")
    await expect(alice.page.get_by_role("link", name="Delete", exact=True)).to_be_focused()
    await alice.page.keyboard.press("Enter")
    dialog = alice.page.get_by_role("dialog")
    await expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    await alice.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)


async def test_the_start_and_the_end_of_an_answer_are_announced_and_no_tokens(
    alice: Reader, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": "Yes.", "tokens_per_s": 0})
    await alice.ask()
    await alice.until_done()
    await alice.page.evaluate(
        """() => {
          window.said = []
          new MutationObserver(() => said.push(announcement.textContent)).observe(announcement, { childList: true })
        }"""
    )
    simulator.script("sim", {"text": "One two three four five six seven. " * 20, "tokens_per_s": 300})
    await alice.ask("Count")
    await alice.until_done()

    assert await alice.page.evaluate("said") == ["Answering…", "Answer finished."]
    live = "[...document.querySelectorAll('[aria-live], [role=status], [role=alert], [role=log]')]"
    assert await alice.page.evaluate(f"{live}.filter((region) => region.querySelector('.markdown')).length") == 0


async def test_roles_and_names(alice: Reader, simulator: SimulatorClient) -> None:
    await conversation(alice, simulator)
    await expect(alice.page.locator("#messages")).to_match_aria_snapshot(
        """
        - region "Messages":
          - article:
            - heading "You said" [level=2]
            - paragraph: Hello
            - link "Edit this question"
            - button "Copy this question"
          - article:
            - heading "sim said" [level=2]
            - group: Thought
            - heading "A simulated answer" [level=1]
            - figure "python Wrap long lines Copy code"
            - region "Table":
              - table
            - math
            - button "Copy this answer"
            - button "Regenerate this answer"
          - article:
            - heading "You said" [level=2]
          - article:
            - heading "sim said" [level=2]
            - button "Continue"
            - button "Retry"
            - group "Versions":
              - button "Previous version"
              - button "Next version"
        """
    )
    for role in ("main", "banner", "navigation", "complementary"):
        count = await alice.page.get_by_role(role).count()  # type: ignore[arg-type]
        assert count == 1 or role != "main", (role, count)
    nameless = await alice.page.evaluate(
        """() => [...document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea")]
          .filter((it) => !(it.ariaLabel || it.textContent.trim() || it.labels?.length || it.title))
          .map((it) => it.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_all_text_has_contrast(
    shared_site: Site, open_reader: Any, simulator: SimulatorClient, theme: str
) -> None:
    reader = await open_reader(shared_site.url, color_scheme=theme, reduced_motion="reduce")
    await reader.goto("/")
    await conversation(reader, simulator)
    await reader.page.locator(".reasoning > summary").click()
    poor = await reader.page.evaluate(CONTRAST)
    for path in PAGES:
        await reader.goto(path)
        poor += await reader.page.evaluate(CONTRAST)
    stranger = await open_reader(shared_site.url, "", color_scheme=theme)
    for path in ("/accounts/login/", "/accounts/signup/"):
        await stranger.goto(path)
        poor += await stranger.page.evaluate(CONTRAST)
    assert sorted(set(poor)) == []


async def test_poor_contrast_would_be_seen(alice: Reader) -> None:
    await alice.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<p><font color=gray size=7>Grey on grey</font></p>')"
    )
    (poor,) = await alice.page.evaluate(CONTRAST)
    assert poor.endswith("Grey on grey")
