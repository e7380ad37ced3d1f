"""Whatever happens to a page or its connection while an answer is written: nothing is lost and nothing comes twice."""

import asyncio
import random
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.reader import NETWORK_FAILED, Reader, let_go
from tests.proxy import How, Proxy
from tests.seeds import drawn_seed
from tests.servers import Site, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask

BEFORE = "# Von vorn\n\nDas **erste** Stück: 你好, 世界! 🦋🦋\n\n```python\nprint('ja')\n```\n\n- eins\n- zwei\n\n"
AFTER = "| a | b |\n|---|---|\n| 1 | 2 |\n\nDas *zweite* Stück. Ende.\n\n"
WHOLE = BEFORE + AFTER
HELD = {"text": WHOLE, "tokens_per_s": 500, "hold_at": (len(BEFORE), 10**9)}
SHORT = "一二三四五六七八九十 🦋 åäö. " * 4 + "\n\n- 甲乙丙丁\n- 戊己庚辛\n\nDas Ende.\n\n"
CUTS, TABS = 12, 4  # a browser opens no more than six connections to a server
HOW: tuple[How, How] = ("reset", "close")
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"
HIDE = "hidden => {Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden}); " \
    "document.dispatchEvent(new Event('visibilitychange'))}"  # fmt: skip


async def asked(reader: Reader, simulator: SimulatorClient) -> None:
    """An answer that has come half way and waits there."""
    simulator.script("sim", HELD)
    await reader.goto("/")
    await reader.ask()
    await has_half(reader)


async def has_half(reader: Reader) -> None:
    """The list is still open, so that there are all three regions: blocks, container, tail."""
    await reader.sees("zwei")
    words = await reader.answer.inner_text()
    assert (words.count("erste"), words.count("eins"), words.count("zwei")) == (1, 1, 1)


async def goes_on(reader: Reader, simulator: SimulatorClient) -> None:
    """The rest comes, and the page has all of it once, before the end and after it."""
    await has_half(reader)
    await let_go(simulator)
    await reader.shows(WHOLE)
    await let_go(simulator)
    await reader.until_done()
    await reader.shows(WHOLE)


def streams(proxy: Proxy) -> int:
    return sum(b"/stream " in line for line in proxy.requests)


async def test_reload(alice: Reader, simulator: SimulatorClient) -> None:
    await asked(alice, simulator)
    await alice.page.reload()
    await goes_on(alice, simulator)


async def test_back_to_a_page_that_the_browser_kept(alice: Reader, simulator: SimulatorClient) -> None:
    await asked(alice, simulator)
    await alice.page.evaluate("addEventListener('pageshow', (event) => (window.persisted = event.persisted))")
    await alice.goto("/conversations/")
    await alice.page.go_back(wait_until="commit")

    assert await alice.page.evaluate("window.persisted")
    await goes_on(alice, simulator)
    assert await alice.open_streams() == 0


async def test_back_to_a_page_that_the_browser_did_not_keep(alice: Reader, simulator: SimulatorClient) -> None:
    await asked(alice, simulator)
    await alice.page.evaluate("addEventListener('unload', () => {})")  # such pages are not kept
    await alice.goto("/conversations/")
    await alice.page.go_back()

    assert await alice.page.evaluate("performance.getEntriesByType('navigation')[0].type") == "back_forward"
    await goes_on(alice, simulator)


async def test_back_and_forward_over_the_address_that_a_new_conversation_got(
    alice: Reader, simulator: SimulatorClient
) -> None:
    await asked(alice, simulator)
    await alice.page.go_back()
    await expect(alice.page.locator(".greeting")).to_be_visible()
    await alice.page.go_forward()
    await goes_on(alice, simulator)


async def test_a_second_tab(alice: Reader, simulator: SimulatorClient) -> None:
    await asked(alice, simulator)
    other = await alice.another_tab()
    await has_half(other)
    await goes_on(alice, simulator)
    await other.until_done()
    await other.shows(WHOLE)


async def test_a_cut_at_any_byte(shared_site: Site, proxy: Proxy, open_reader: Any, simulator: SimulatorClient) -> None:
    """Twelve pages, whose first connections break after so many bytes of their responses."""
    seed = drawn_seed()
    offsets = [random.Random(seed).randrange(300 * number, 300 * (number + 1)) for number in range(CUTS)]
    simulator.script("a", {"text": SHORT, "tokens_per_s": 40, "token_chars": (1, 5), "hold_at": (1, 10**9)})
    browsers = [await open_reader(proxy.url) for _ in range(CUTS // TABS)]
    browsers[0].troubles.expect(*NETWORK_FAILED, r'MIME type \("text/')  # a head that was cut, too
    places = [cut_after(offset, browsers[number // TABS], shared_site, proxy) for number, offset in enumerate(offsets)]
    readers = await asyncio.gather(*places)
    await let_go(simulator, CUTS, model="a")
    for reader in readers:
        await reader.sees("Das Ende.")
        await reader.shows(SHORT)
    assert streams(proxy) > 1.5 * CUTS
    await let_go(simulator, CUTS, model="a")
    for reader in readers:
        await reader.until_done()
        await reader.shows(SHORT)


async def cut_after(offset: int, browser: Reader, site: Site, proxy: Proxy) -> Reader:
    """A tab whose answer is about to begin."""
    with site.signed_in("alice") as client:
        exchange = await asyncio.to_thread(ask, site, client, model="sim:a")
    proxy.cut_next(offset, how=HOW[offset % 2], matching=f"/messages/{exchange.message_id}/stream ".encode())
    return await browser.another_tab(exchange.url)


@pytest.mark.parametrize("offset", [0, 700, 1500])
async def test_a_cut_within_the_end(
    shared_site: Site, proxy: Proxy, open_reader: Any, simulator: SimulatorClient, offset: int
) -> None:
    """`done` itself is cut in two: half of it is nothing, and it comes again."""
    simulator.script("sim", {"text": "All of it.\n\n", "tokens_per_s": 0, "hold_at": (10**9,)})
    with shared_site.signed_in("alice") as client:
        exchange = ask(shared_site, client)
    reader = await open_reader(proxy.url)
    reader.troubles.expect(*NETWORK_FAILED)
    proxy.answer_next(b"", matching=b"/stream")
    proxy.cut_next(offset, matching=b"/stream")
    await reader.goto(exchange.url)
    await let_go(simulator)
    await reader.until_done()

    await reader.shows("All of it.\n\n")
    assert streams(proxy) == 3


async def test_503_twice_on_reconnect(proxy: Proxy, open_reader: Any, simulator: SimulatorClient) -> None:
    reader = await open_reader(proxy.url)
    reader.troubles.expect(*NETWORK_FAILED)
    await asked(reader, simulator)
    proxy.answer_next(UNAVAILABLE, times=2, matching=b"/stream")
    proxy.cut_open()
    await asyncio.to_thread(wait_for, lambda: streams(proxy) == 4)
    await goes_on(reader, simulator)

    assert streams(proxy) == 4


async def test_a_connection_that_dies_silently_is_replaced_after_25_seconds(
    proxy: Proxy, open_reader: Any, simulator: SimulatorClient
) -> None:
    reader = await open_reader(proxy.url)
    await reader.page.clock.install()
    await asked(reader, simulator)
    proxy.swallow()
    proxy.restore()
    await reader.page.clock.fast_forward(26_000)
    await until_reconnected(reader, proxy)
    await goes_on(reader, simulator)


async def test_a_connection_that_dies_while_the_page_is_hidden_is_replaced_on_return(
    proxy: Proxy, open_reader: Any, simulator: SimulatorClient
) -> None:
    reader = await open_reader(proxy.url)
    await reader.page.clock.install()
    await asked(reader, simulator)
    await reader.page.evaluate(HIDE, True)
    proxy.swallow()
    proxy.restore()
    await reader.page.clock.fast_forward(6_000)
    await reader.page.evaluate(HIDE, False)
    await until_reconnected(reader, proxy)
    await goes_on(reader, simulator)


async def until_reconnected(reader: Reader, proxy: Proxy) -> None:
    """All connections are dead, also the idle ones: Chromium tries them before it opens a new one."""
    for _ in range(40):
        await reader.page.clock.fast_forward(1_000)
        # The page's seconds take no time, but its connections do.
        await asyncio.sleep(0.1)
        if streams(proxy) > 1:
            return
    raise AssertionError("no new stream within 40 seconds")


async def test_a_tab_hidden_for_long_gives_its_stream_back_and_opens_it_again(
    proxy: Proxy, open_reader: Any, simulator: SimulatorClient
) -> None:
    reader = await open_reader(proxy.url)
    await reader.page.clock.install()
    await asked(reader, simulator)
    await reader.page.evaluate(HIDE, True)
    await reader.page.clock.fast_forward(21_000)
    assert await reader.open_streams() == 0
    await reader.page.clock.fast_forward(600_000)
    assert streams(proxy) == 1
    await reader.page.evaluate(HIDE, False)
    await goes_on(reader, simulator)


async def test_offline_and_online(proxy: Proxy, open_reader: Any, simulator: SimulatorClient) -> None:
    reader = await open_reader(proxy.url)
    reader.troubles.expect(*NETWORK_FAILED)
    await asked(reader, simulator)
    await reader.page.context.set_offline(True)
    proxy.cut_open()
    await reader.page.wait_for_selector("[data-connection=reconnecting]")
    await reader.page.context.set_offline(False)
    await goes_on(reader, simulator)


async def test_after_two_minutes_without_a_server_the_page_says_so_and_stops_trying(
    proxy: Proxy, open_reader: Any, simulator: SimulatorClient
) -> None:
    reader = await open_reader(proxy.url)
    reader.troubles.expect(*NETWORK_FAILED)
    await reader.page.clock.install()
    await asked(reader, simulator)
    proxy.cut_next(0, times=None, matching=b"/stream")
    proxy.cut_open()
    await asyncio.to_thread(wait_for, lambda: streams(proxy) == 3)
    await reader.page.clock.fast_forward(121_000)
    await reader.page.wait_for_selector("[data-connection=lost]")
    assert await reader.open_streams() == 0
    proxy.forget_rules()
    await reader.page.get_by_role("link", name="Reload").click()
    await goes_on(reader, simulator)
