"""Nothing that a model or a reader writes ever runs or fetches anything, in Chromium with the real policy.

Any attempt fails the test through `Troubles`: a dialog, an exception, a violation of the policy, a foreign request.
"""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import expect

from tests.browser.conftest import LETTERS
from tests.browser.reader import Reader
from tests.rendering.corpus import chosen, payloads
from tests.rendering.test_safety import POSITIONS, filled
from tests.servers import Site, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask

BATCH = 1000
TABS = 3
TITLES = 30
OPEN_TO_THE_END = ("```", "~~~", "$$", "\\[")
# What an answer consists of; everything else in it would be somebody's markup.
SUSPICIOUS = """
answer => [...answer.querySelectorAll("*")].filter((element) => {
  const foreign = element.namespaceURI !== "http://www.w3.org/1999/xhtml" && !element.closest("math")
  const active = element.matches("script, style, iframe, img, object, embed, link, meta, base, svg, video, audio, form")
  const handler = [...element.attributes].some(({ name }) => /^(on.*|style|srcdoc)$/.test(name))
  const elsewhere = element.href && !/^(https?|mailto):/.test(element.href)
  return (foreign || active || handler || elsewhere) && element.closest(".markdown, .said")
}).map((element) => element.outerHTML.slice(0, 300))
"""


async def test_an_attack_that_got_through_would_be_seen(alice: Reader) -> None:
    await alice.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=http://evil.example onerror=x>')"
    )
    await alice.page.evaluate("alert('gotcha')")
    for trouble in ("script-src-attr inline", "img-src http://evil.example", "dialog: gotcha"):
        await asyncio.to_thread(wait_for, lambda words=trouble: words in " ".join(alice.troubles.seen))
    alice.troubles.expect(".")


async def look_around(reader: Reader) -> None:
    """The page is where it was, and holds nothing but what the site itself makes."""
    assert await reader.page.locator("#messages").evaluate(SUSPICIOUS) == []
    assert urlsplit(reader.page.url).path.startswith("/conversations/")


async def test_every_attack_in_answers(open_reader: Any, shared_site: Site, simulator: SimulatorClient) -> None:
    """Each in one position; what would swallow the rest of the answer stands at its end."""
    texts = []
    for start in range(0, len(payloads()), BATCH):
        pieces = [
            filled(POSITIONS[(start + number) % len(POSITIONS)], payload)
            for number, payload in enumerate(payloads()[start : start + BATCH])
        ]
        texts.append("\n\n".join(sorted(pieces, key=lambda piece: any(mark in piece for mark in OPEN_TO_THE_END))))

    async def read(tab: int) -> None:
        reader = await open_reader(shared_site.url)
        for text in texts[tab::TABS]:
            await reader.goto("/")
            simulator.script(LETTERS[tab], {"text": text, "tokens_per_s": 0, "token_chars": (500, 3000)})
            await reader.ask(model=f"sim:{LETTERS[tab]}")
            await reader.until_done()
            await look_around(reader)

    await asyncio.gather(*(read(tab) for tab in range(TABS)))


async def test_attacks_while_they_are_written(open_reader: Any, shared_site: Site, simulator: SimulatorClient) -> None:
    """A sample in every position, in pieces small enough that every beginning of an attack has been on the page."""
    choice = chosen("attacks in the browser")
    texts = [filled(position, payload) for position in POSITIONS for payload in choice.sample(payloads(), 4)]
    reader = await open_reader(shared_site.url)
    await reader.goto("/")
    simulator.script("sim", {"text": "\n\n".join(texts), "tokens_per_s": 400, "token_chars": (1, 9)})
    await reader.ask()
    await reader.until_done()
    await look_around(reader)


async def test_attacks_in_thoughts(alice: Reader, simulator: SimulatorClient) -> None:
    text = "\n\n".join(chosen("thoughts").sample(payloads(), 200))
    simulator.script("sim", {"reasoning": text, "text": "Done.", "tokens_per_s": 0, "token_chars": (100, 900)})
    await alice.ask(model="anthropic:sim")
    await alice.until_done()
    await alice.page.locator(".reasoning > summary").click()
    await look_around(alice)


async def test_attacks_in_questions(alice: Reader, simulator: SimulatorClient) -> None:
    """They are shown letter by letter, and again when they are edited."""
    text = "\n".join(without_odd_breaks(payload) for payload in chosen("questions").sample(payloads(), 300))
    simulator.script("sim", {"text": "Well.", "tokens_per_s": 0})
    await alice.ask(text)
    await alice.until_done()
    assert await alice.page.locator(".said").text_content() == text
    await alice.page.reload()
    assert await alice.page.locator(".said").text_content() == text
    await alice.page.locator(".message-user").hover()
    await alice.page.get_by_role("link", name="Edit this question").click()
    await expect(alice.page.get_by_label("Your message").first).to_have_value(text)
    await look_around(alice)


async def test_attacks_in_titles(shared_site: Site, open_reader: Any, simulator: SimulatorClient) -> None:
    """In the sidebar, the list, the search, the head of the page and of the window, and both questions."""
    simulator.script("sim", {"text": "Well.", "tokens_per_s": 0})
    attacks = [
        payload for payload in payloads() if len(payload) < 150 and len(payload.split()) and payload.isprintable()
    ]
    titles = [" ".join(payload.split()) for payload in chosen("titles").sample(attacks, TITLES)]
    with shared_site.signed_in("carol") as client:
        for title in titles:
            exchange = await asyncio.to_thread(ask, shared_site, client)
            await asyncio.to_thread(client.post, f"{exchange.url}rename", data={"title": title})
    reader = await open_reader(shared_site.url, "carol")
    await reader.goto("/conversations/")
    assert set(await reader.page.locator(".row-title").all_inner_texts()) == set(titles)
    assert set(await reader.page.locator(".entry").all_text_contents()) == set(titles)
    await reader.page.get_by_role("searchbox").fill(titles[0])
    await expect(reader.page.get_by_role("status")).to_contain_text("found")

    await reader.goto(exchange.url)
    assert await reader.page.locator("#conversation-title").text_content() == titles[-1]
    assert await reader.page.title() == f"{titles[-1]} · Chatsite"
    for verb in ("Rename", "Delete"):
        await reader.page.get_by_role("button", name="What to do with this conversation").click()
        await reader.page.get_by_role("link", name=verb, exact=True).click()
        await expect(reader.page.locator("#dialog")).to_be_visible()
        await reader.page.keyboard.press("Escape")


def without_odd_breaks(text: str) -> str:
    """As a text area would change it anyway."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
