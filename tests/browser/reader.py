"""Somebody at a page: what they do, what they see, and what goes wrong while they do it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, Request, expect

from conversations.rendering.markdown import render
from tests.servers import PATIENCE_S, SESSION, Site, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, latest_of
from tests.streaming.page import canonical

PATIENCE_MS = PATIENCE_S * 1000
# Before anything of the page runs: violations of its policy become errors, and its streams are kept in sight.
ON_EVERY_PAGE = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violated: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`))
window.streams = []
window.EventSource = class extends EventSource {
  constructor(...all) { super(...all); streams.push(this) }
}
"""
REGIONS = """
(message, kind) => [...message.querySelectorAll(".markdown")]
  .filter((region) => Boolean(region.closest("details.reasoning")) === (kind === "reasoning"))
  .map((region) => region.innerHTML).join("")
"""
# What Chromium, htmx and its SSE extension write when the network fails or the server refuses.
NETWORK_FAILED = (
    r"Failed to load resource: net::ERR_",
    r"Failed to load resource: the server responded with a status of (409|422|5\d\d)",
    r"^(\[object )?Event\]?$",
    r"^htmx:(sendError|responseError|timeout|afterRequest|sendAbort)\b",
    r"^Response Status Error Code",
)

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Troubles:
    """Console errors, exceptions, broken policies, dialogs and foreign requests of all pages of a test."""

    seen: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, *patterns: str) -> None:
        self.expected += patterns

    def unexpected(self) -> list[str]:
        return [trouble for trouble in self.seen if not any(re.search(each, trouble) for each in self.expected)]

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self.hear)
        context.on("weberror", lambda error: self.seen.append(f"exception: {error.error}"))
        context.on("request", self.check)
        context.on("dialog", self.dismiss)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.seen.append(message.text)

    def check(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in ("127.0.0.1", "localhost"):
            self.seen.append(f"foreign request: {request.url}")

    async def dismiss(self, dialog: Dialog) -> None:
        self.seen.append(f"dialog: {dialog.message}")
        await dialog.dismiss()


@asynccontextmanager
async def opened(
    browser: Browser, troubles: Troubles, url: str, name: str = "alice", **options: Any
) -> AsyncIterator["Reader"]:
    """A context of its own, signed in as `name` (nobody when empty)."""
    context = await browser.new_context(base_url=url, **options)
    try:
        context.set_default_timeout(PATIENCE_MS)
        troubles.watch(context)
        if options.get("java_script_enabled", True):
            await context.add_init_script(ON_EVERY_PAGE)
        if name:
            await context.add_cookies([{"name": "sessionid", "value": SESSION(name), "url": url}])
        yield Reader(await context.new_page(), troubles)
    finally:
        await context.close()


@dataclass
class Reader:
    """One page of one person."""

    page: Page
    troubles: Troubles

    async def goto(self, path: str) -> None:
        await self.page.goto(path)

    async def another_tab(self, path: str = "") -> "Reader":
        """A second page of the same person, at `path` or where this one is."""
        page = await self.page.context.new_page()
        await page.goto(path or self.page.url)
        return Reader(page, self.troubles)

    # --- what they do -----------------------------------------------------------

    async def ask(self, text: str = "Hello", *, model: str = "sim:sim") -> None:
        """Pick the model, write, press Enter; returns when the answer's place is there."""
        number = await self.answers.count()
        await self.page.locator("#composer select[name=model]").select_option(model)
        await self.question.fill(text)
        await self.question.press("Enter")
        await expect(self.answers).to_have_count(number + 1)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    # --- what they see ----------------------------------------------------------

    @property
    def question(self) -> Locator:
        return self.page.locator("#question")

    @property
    def answers(self) -> Locator:
        return self.page.locator(".message-assistant, .message-notice")

    @property
    def answer(self) -> Locator:
        """The last one."""
        return self.answers.last

    async def sees(self, words: str) -> None:
        """Wait until the last answer says so."""
        await expect(self.answer).to_contain_text(words)

    async def until_done(self) -> None:
        """Wait until nothing is being written any more."""
        await expect(self.page.locator(".message-running, [sse-connect]")).to_have_count(0)

    async def shown(self, kind: str = "text") -> str:
        """What the last answer says, or thinks when `kind` is `reasoning`, as canonical HTML."""
        return canonical(await self.answer.evaluate(REGIONS, kind))

    async def shows(self, text: str, kind: str = "text") -> None:
        """Wait until the last answer is `text` rendered, no more and no less."""
        whole = rendered(text)
        until = monotonic() + PATIENCE_S
        while await self.shown(kind) != whole and monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert await self.shown(kind) == whole

    async def open_streams(self) -> int:
        """How many streams this page holds open or is trying to open."""
        return int(
            await self.page.evaluate("streams.filter((stream) => stream.readyState !== EventSource.CLOSED).length")
        )

    # --- what is stored ---------------------------------------------------------

    @property
    def conversation_id(self) -> UUID:
        return UUID(urlsplit(self.page.url).path.split("/")[2])

    def exchange(self, site: Site) -> Exchange:
        """The latest run of the conversation on the page."""
        return latest_of(site, self.conversation_id)


async def let_go(simulator: SimulatorClient, answers: int = 1, **which: str) -> None:
    """Let so many held answers pass, as soon as all of them are held."""
    await asyncio.to_thread(wait_for, lambda: holding(simulator, **which) >= answers)
    simulator.release(**which)


def holding(simulator: SimulatorClient, **which: str) -> int:
    return sum(seen.state == "holding" for seen in simulator.requests(**which))


def rendered(text: str) -> str:
    """`text` as `Reader.shown` gives it."""
    return canonical(render(text))
