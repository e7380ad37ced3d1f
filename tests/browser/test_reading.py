"""What a reader does with an answer: copy it, unfold it, read it on a phone."""

import asyncio
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.reader import Reader, let_go
from tests.servers import Site
from tests.simulator.client import SimulatorClient
from tests.simulator.texts import PLEASANT

CODE = "def f(x):\n\treturn x < 1 and '<b>&amp;'\n\n\n# the end\n"
WITH_CODE = f"Some **bold** text & more:\n\n```python\n{CODE}```\n\nAfter it.\n"
WIDE = "\n\n".join(
    (
        "# " + "Donaudampfschifffahrtsgesellschaft" * 5,
        "https://example.org/" + "a-very-long-path/" * 20,
        "`" + "inline_code_without_a_break" * 8 + "`",
        "```python\n" + "x = '" + "long " * 80 + "'\n```",
        "| " + " | ".join(f"column number {n}" for n in range(12)) + " |\n|" + "---|" * 12 + "\n| " + "word | " * 12,
        "$$\n" + " + ".join(f"x_{{{n}}}^2" for n in range(60)) + "\n$$",
        "Inline $" + " + ".join(f"y_{{{n}}}" for n in range(40)) + "$ formula.",
        "![a picture](https://example.org/" + "picture" * 30 + ".png)",
        "> > > - - - deep " + "x" * 200,
        "- " * 7 + "very deep",
        "一" * 300,
    )
)
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
COPYING = {"permissions": ["clipboard-read", "clipboard-write"]}
# What makes the page wider than the screen, for the one who has to find it; empty when nothing does.
TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? "" :
  [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
    .filter((element) => !element.closest("pre, .table-scroll, div.math"))
    .map((element) => `${element.tagName}.${element.className} ${element.textContent.slice(0, 30)}`).join("\\n")"""


async def clipboard(page: Page) -> str:
    text: str = await page.evaluate("navigator.clipboard.readText()")
    return text


async def test_copying_a_message_gives_its_markdown(
    shared_site: Site, open_reader: Any, simulator: SimulatorClient
) -> None:
    reader = await open_reader(shared_site.url, **COPYING)
    simulator.script("sim", {"text": WITH_CODE, "tokens_per_s": 0})
    await reader.goto("/")
    await reader.ask("A *question*,\n  on two lines")
    await reader.until_done()
    await reader.press("Copy this answer")
    await expect(reader.page.locator("#announcement")).to_have_text("Copied")
    assert await clipboard(reader.page) == WITH_CODE
    await reader.page.locator(".message-user").hover()
    await reader.press("Copy this question")
    assert await clipboard(reader.page) == "A *question*,\n  on two lines"


async def test_code_can_be_copied_when_it_is_complete(
    shared_site: Site, open_reader: Any, simulator: SimulatorClient
) -> None:
    reader = await open_reader(shared_site.url, **COPYING)
    half = WITH_CODE.index("# the end")
    simulator.script("sim", {"text": WITH_CODE, "tokens_per_s": 0, "hold_at": (half, 10**9)})
    await reader.goto("/")
    await reader.ask()
    await reader.sees("return x < 1")
    copy = reader.answer.get_by_role("button", name="Copy code")
    await expect(copy).to_have_count(0)
    await let_go(simulator)
    await expect(copy).to_have_count(1)
    await copy.click()
    assert await clipboard(reader.page) == CODE
    await let_go(simulator)
    await reader.until_done()
    await reader.page.evaluate("navigator.clipboard.writeText('')")
    await copy.click()
    assert await clipboard(reader.page) == CODE
    await expect(reader.answer.locator("code.language-python .k").first).to_have_text("def")


async def test_long_lines_of_code_can_be_wrapped(alice: Reader, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": f"```\n{'word ' * 200}\n```\n", "tokens_per_s": 0})
    await alice.ask()
    await alice.until_done()
    code = alice.answer.locator("figure.code pre")
    assert await code.evaluate("pre => pre.scrollWidth > pre.clientWidth")
    wrap = alice.answer.get_by_role("button", name="Wrap long lines")
    await wrap.click()
    await expect(wrap).to_have_attribute("aria-pressed", "true")
    assert await code.evaluate("pre => pre.scrollWidth <= pre.clientWidth")


async def test_thoughts_fold_themselves_and_keep_what_the_reader_chose(
    alice: Reader, simulator: SimulatorClient
) -> None:
    thoughts = alice.answer.locator("details.reasoning")
    script = {"reasoning": "First I think. Then I think on.", "text": "I say. I said.", "tokens_per_s": 0}
    simulator.script("sim", {**script, "token_chars": (5, 5), "hold_at": (7,)})
    await alice.ask(model="anthropic:sim")
    await alice.sees("I say.")
    await expect(thoughts).not_to_have_attribute("open", "")
    await expect(thoughts.locator("summary")).to_contain_text("Thought")
    await thoughts.locator("summary").click()
    await expect(thoughts).to_contain_text("Then I think on.")
    await let_go(simulator)
    await alice.until_done()
    await expect(thoughts).to_have_attribute("open", "")
    await thoughts.locator("summary").click()
    await expect(thoughts).not_to_have_attribute("open", "")


async def test_thoughts_that_are_folded_while_they_grow_stay_folded(alice: Reader, simulator: SimulatorClient) -> None:
    thoughts = alice.answer.locator("details.reasoning")
    script = {"reasoning": "Thinking hard. " * 100, "text": "I say.", "tokens_per_s": 100, "token_chars": (9, 9)}
    simulator.script("sim", script)
    await alice.ask(model="anthropic:sim")
    await expect(thoughts).to_contain_text("Thinking hard.")
    await expect(thoughts).to_have_attribute("open", "")
    await thoughts.locator("summary").click()
    length = len(await thoughts.text_content() or "")
    await alice.page.wait_for_function(
        "([details, length]) => document.querySelector(details).textContent.length > length + 50",
        arg=["details.reasoning", length],
    )
    await expect(thoughts).not_to_have_attribute("open", "")
    await alice.until_done()
    await expect(thoughts).not_to_have_attribute("open", "")


async def test_a_picture_is_not_loaded_and_its_address_shown_before_it_is_opened(
    alice: Reader, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": "![a cat](https://cats.example/cat.png)", "tokens_per_s": 0})
    await alice.ask()
    await alice.until_done()
    await alice.answer.get_by_role("link", name="a cat").click()
    dialog = alice.page.get_by_role("dialog", name="Open this picture?")
    await expect(dialog).to_contain_text("https://cats.example/cat.png")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()


async def test_nothing_scrolls_sideways_on_a_phone(
    shared_site: Site, open_reader: Any, simulator: SimulatorClient
) -> None:
    reader = await open_reader(shared_site.url, "carol", **PHONE)
    page: Page = reader.page
    simulator.script("sim", {"text": WIDE, "tokens_per_s": 2000, "hold_at": (10**9,), "reasoning": WIDE})
    await reader.goto("/")
    await reader.page.locator("#composer select").select_option("anthropic:sim")
    await reader.question.fill("question-without-a-break-" * 30)
    await page.get_by_role("button", name="Send").tap()
    await asyncio.to_thread(simulator.wait_for, lambda seen: seen.state == "holding")
    await reader.sees("一" * 300)
    assert await page.evaluate(TOO_WIDE) == ""
    await let_go(simulator)
    await reader.until_done()
    await reader.answer.locator(".reasoning > summary").tap()
    assert await page.evaluate(TOO_WIDE) == ""
    table = reader.answer.locator(".table-scroll").last
    assert await table.evaluate(
        "box => box.scrollWidth > box.clientWidth && box.getBoundingClientRect().right <= innerWidth"
    )
    conversation = page.url
    for path in (
        "/",
        "/conversations/",
        "/conversations/?q=nothing",
        f"{conversation}rename",
        f"{conversation}delete",
        "/accounts/password/change/",
        "/accounts/2fa/",
        "/accounts/email/",
        "/no-such-page",
    ):
        await reader.goto(path)
        assert await page.evaluate(TOO_WIDE) == "", path
    reader.troubles.expect("status of 404")
    stranger = await open_reader(shared_site.url, "", **PHONE)
    for path in ("/accounts/login/", "/accounts/signup/"):
        await stranger.goto(path)
        assert await stranger.page.evaluate(TOO_WIDE) == "", path


async def test_a_pleasant_text_on_the_narrowest_screen(
    shared_site: Site, open_reader: Any, simulator: SimulatorClient
) -> None:
    reader = await open_reader(shared_site.url, viewport={"width": 320, "height": 600})
    simulator.script("sim", {"text": PLEASANT, "tokens_per_s": 0})
    await reader.goto("/")
    assert await reader.page.evaluate(TOO_WIDE) == ""
    await reader.ask()
    await reader.until_done()

    assert await reader.page.evaluate(TOO_WIDE) == ""
