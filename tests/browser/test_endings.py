"""Streams that end for other reasons than their answer: the page says so once and does not come back."""

import asyncio
from typing import Any

from tests.browser.reader import NETWORK_FAILED, Reader, let_go
from tests.proxy import Proxy
from tests.servers import Site, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import latest_of

HELD = {"text": "One. Two.", "tokens_per_s": 0, "hold_at": (5,)}


async def asked(proxy: Proxy, open_reader: Any, simulator: SimulatorClient, name: str) -> Reader:
    simulator.script("sim", HELD)
    reader: Reader = await open_reader(proxy.url, name)
    reader.troubles.expect(*NETWORK_FAILED)
    await reader.page.clock.install()
    await reader.goto("/")
    await reader.ask()
    await reader.sees("One.")
    return reader


async def stays_quiet(reader: Reader, proxy: Proxy) -> None:
    """Nothing is open, and ten minutes bring no further request."""
    assert await reader.open_streams() == 0
    before = len(proxy.requests)
    await reader.page.clock.run_for(600_000)
    assert len(proxy.requests) == before


async def test_deleted_in_another_tab(
    shared_site: Site, proxy: Proxy, open_reader: Any, simulator: SimulatorClient
) -> None:
    reader = await asked(proxy, open_reader, simulator, "alice")
    other = await reader.another_tab(f"{reader.page.url}delete")
    await other.press("Delete")

    await reader.sees("This conversation has been deleted.")
    await asyncio.to_thread(simulator.wait_for, lambda seen: seen.client_gone_at)
    await stays_quiet(reader, proxy)


async def test_signed_out_in_another_tab(
    shared_site: Site, proxy: Proxy, open_reader: Any, simulator: SimulatorClient
) -> None:
    """Bob's session ends here: no other test of this package is bob's."""
    reader = await asked(proxy, open_reader, simulator, "bob")
    other = await reader.another_tab("/conversations/")
    await other.press("bob")
    await other.press("Sign out")
    await other.page.wait_for_url("**/accounts/login/**")
    proxy.cut_open()

    await reader.sees("You have been signed out. The answer goes on and is kept.")
    await stays_quiet(reader, proxy)
    await let_go(simulator)
    conversation = reader.conversation_id
    await asyncio.to_thread(wait_for, lambda: latest_of(shared_site, conversation).text == "One. Two.")


async def test_who_is_signed_out_and_asks_is_sent_to_sign_in_and_keeps_the_question(
    open_reader: Any, simulator: SimulatorClient, shared_site: Site
) -> None:
    simulator.script("sim", {"text": "One.", "tokens_per_s": 0})
    reader = await open_reader(shared_site.url)
    await reader.goto("/")
    await reader.ask()
    await reader.until_done()
    address = reader.page.url
    cookies = await reader.page.context.cookies()
    await reader.page.context.clear_cookies(name="sessionid")
    await reader.question.fill("A question that took long to write.")
    await reader.question.press("Enter")
    await reader.page.wait_for_url("**/accounts/login/**")
    await reader.page.context.add_cookies(cookies)
    await reader.page.goto(address)

    assert await reader.question.input_value() == "A question that took long to write."
