"""The composer: sends once, and never loses what was typed."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser.reader import NETWORK_FAILED, Reader, let_go
from tests.proxy import Proxy
from tests.servers import Site
from tests.simulator.client import SimulatorClient

AT_ONCE = {"text": "Yes.", "tokens_per_s": 0}
LONGEST = 200_000
ERROR_500 = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\nOops"
ERROR_503 = ERROR_500.replace(b"500 Internal Server Error", b"503 Service Unavailable")


def questions(reader: Reader, site: Site) -> list[str]:
    sql = """SELECT text FROM conversations_part JOIN conversations_message AS message ON message_id = message.id
        WHERE role = 'user' AND conversation_id = ? ORDER BY message.created_at"""
    return [text for (text,) in site.rows(sql, reader.conversation_id.hex)]


async def test_enter_sends_and_shift_enter_breaks_the_line(
    alice: Reader, shared_site: Site, simulator: SimulatorClient
) -> None:
    simulator.script("sim", AT_ONCE)
    await alice.question.fill("One")
    await alice.question.press("Shift+Enter")
    await alice.question.press_sequentially("Two")
    height = (await alice.question.bounding_box() or {})["height"]
    for _ in range(3):
        await alice.question.press("Shift+Enter")
    assert (await alice.question.bounding_box() or {})["height"] > height
    await alice.question.press("Backspace")
    await alice.question.press("Enter")
    await alice.sees("Yes.")

    assert questions(alice, shared_site) == ["One\nTwo\n\n"]
    await expect(alice.question).to_have_value("")


async def test_it_stops_growing_before_it_covers_the_page(alice: Reader) -> None:
    await alice.question.fill("line\n" * 200)
    box = await alice.question.bounding_box()

    assert box
    assert box["height"] <= 0.41 * (alice.page.viewport_size or {})["height"]


async def test_enter_that_ends_a_composition_does_not_send(alice: Reader) -> None:
    keyboard = await alice.page.context.new_cdp_session(alice.page)
    await alice.question.focus()
    await keyboard.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    await alice.question.press("Enter")
    await keyboard.send("Input.insertText", {"text": "日本"})

    await expect(alice.question).to_have_value(re.compile("日本"))
    assert await alice.answers.count() == 0


async def test_nothing_and_blanks_are_not_sent(alice: Reader) -> None:
    send = alice.page.get_by_role("button", name="Send")
    await expect(send).to_be_disabled()
    await alice.question.fill("  \n ")
    await expect(send).to_be_disabled()
    await alice.question.press("Enter")
    await alice.question.fill("x")
    await expect(send).to_be_enabled()

    assert await alice.answers.count() == 0


async def test_send_becomes_stop_and_send_again(alice: Reader, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "One. Two.", "tokens_per_s": 0, "hold_at": (5,)})
    await alice.ask()
    await expect(alice.page.get_by_role("button", name="Stop")).to_be_visible()
    await expect(alice.page.get_by_role("button", name="Send")).to_have_count(0)
    await alice.sees("One.")
    await alice.question.fill("The next one")
    await alice.question.press("Enter")
    await let_go(simulator)
    await expect(alice.page.get_by_role("button", name="Send")).to_be_enabled()

    await expect(alice.page.get_by_role("button", name="Stop")).to_have_count(0)
    await expect(alice.question).to_have_value("The next one")
    assert await alice.answers.count() == 1


async def test_a_new_conversation_gets_an_address_a_title_and_a_place_in_the_sidebar(
    alice: Reader, simulator: SimulatorClient
) -> None:
    simulator.script("sim", AT_ONCE)
    await alice.ask("What is a hash table?")
    await alice.until_done()
    await expect(alice.page.get_by_role("heading", level=1)).to_have_text("What is a hash table?")
    entry = alice.page.locator(".entry[aria-current=page]")
    await expect(entry).to_have_text("What is a hash table?")
    assert "/conversations/" in alice.page.url
    await alice.page.reload()
    await expect(entry).to_have_text("What is a hash table?")
    await alice.shows("Yes.")
    await alice.ask("And a tree?")
    await alice.until_done()
    assert await alice.answers.count() == 2


async def test_a_conversation_that_goes_on_moves_to_the_top_of_the_sidebar(
    alice: Reader, simulator: SimulatorClient
) -> None:
    simulator.script("sim", AT_ONCE)
    for question in ("The older one?", "The newer one?"):
        await alice.goto("/")
        await alice.ask(question)
        await alice.until_done()
    first, second = (alice.page.locator(".entry").nth(place) for place in range(2))
    await expect(second).to_have_text("The older one?")
    await second.click()
    await expect(second).to_have_attribute("aria-current", "page")
    await alice.ask("And then?")
    for _ in range(2):
        await expect(first).to_have_text("The older one?")
        await expect(first).to_have_attribute("aria-current", "page")
        await expect(second).to_have_text("The newer one?")
        await expect(alice.page.get_by_role("link", name="The older one?")).to_have_count(1)
        await alice.until_done()
        await alice.page.reload()


@pytest.mark.parametrize("how", ["Enter", "click"])
async def test_twice_is_once(bea: Reader, shared_site: Site, proxy: Proxy, how: str) -> None:
    proxy.delay(0.3)
    await bea.question.fill("Only once")
    send = bea.page.get_by_role("button", name="Send")
    if how == "Enter":
        await asyncio.gather(bea.question.press("Enter"), bea.question.press("Enter"))
    else:
        await send.dblclick()
    await expect(bea.answers).to_have_count(2)
    await bea.until_done()

    assert questions(bea, shared_site) == ["A first question", "Only once"]


async def test_a_response_that_got_lost_is_asked_for_again_without_a_second_question(
    bea: Reader, shared_site: Site, proxy: Proxy
) -> None:
    bea.troubles.expect(*NETWORK_FAILED)
    proxy.cut_next(2_000, matching=b"POST ")
    await bea.question.fill("Only once")
    await bea.question.press("Enter")
    await expect(bea.page.locator("#unsent")).to_be_visible()
    await expect(bea.question).to_have_value("Only once")
    await bea.press("Try again")
    await expect(bea.answers).to_have_count(2)
    await bea.until_done()

    assert questions(bea, shared_site) == ["A first question", "Only once"]
    await expect(bea.page.locator("#unsent")).to_be_hidden()


@pytest.mark.parametrize("answer", [ERROR_500, ERROR_503], ids=["500", "503"])
async def test_a_failing_server_is_told_of_and_the_text_kept(bea: Reader, proxy: Proxy, answer: bytes) -> None:
    bea.troubles.expect(*NETWORK_FAILED)
    proxy.answer_next(answer, matching=b"POST ")
    await bea.question.fill("Please")
    await bea.question.press("Enter")
    await expect(bea.page.get_by_role("alert").filter(has_text="Not sent")).to_be_visible()
    await expect(bea.question).to_have_value("Please")
    await bea.page.reload()
    await expect(bea.question).to_have_value("Please")
    await bea.question.press("Enter")
    await expect(bea.answers).to_have_count(2)
    await expect(bea.question).to_have_value("")


async def test_a_draft_survives_a_reload_and_is_gone_when_sent(bea: Reader) -> None:
    await bea.question.press_sequentially("Half a thou")
    await bea.page.reload()
    await expect(bea.question).to_have_value("Half a thou")
    await bea.question.press("Enter")
    await expect(bea.answers).to_have_count(2)
    await bea.until_done()
    await bea.page.reload()
    await expect(bea.question).to_have_value("")


async def test_what_is_typed_while_a_message_is_on_its_way_is_kept(bea: Reader, proxy: Proxy) -> None:
    proxy.delay(0.5)
    await bea.question.fill("One")
    await bea.question.press("Enter")
    await bea.question.press_sequentially(" and more")
    await expect(bea.answers).to_have_count(2)

    await expect(bea.question).to_have_value(" and more")


async def test_too_long(bea: Reader) -> None:
    bea.troubles.expect(*NETWORK_FAILED)
    await bea.question.fill("x" * (LONGEST + 1))
    await bea.question.press("Enter")
    await expect(bea.page.get_by_role("alert").filter(has_text="too long")).to_be_visible()

    assert await bea.question.input_value() == "x" * (LONGEST + 1)


async def test_a_second_question_while_one_is_answered(alice: Reader, simulator: SimulatorClient) -> None:
    """From a tab that does not know of it yet."""
    alice.troubles.expect(*NETWORK_FAILED)
    simulator.script("sim", AT_ONCE)
    await alice.ask("A first question")
    await alice.until_done()
    other = await alice.another_tab()
    simulator.script("sim", {"text": "One. Two.", "tokens_per_s": 0, "hold_at": (5,)})
    await alice.ask("A second question")
    await other.question.fill("A third question")
    await other.question.press("Enter")

    await expect(other.page.get_by_role("alert").filter(has_text="still being answered")).to_be_visible()
    await expect(other.question).to_have_value("A third question")
    await let_go(simulator)
    await other.page.get_by_role("link", name="Show the answer").click()
    await other.sees("One. Two.")
    await expect(other.question).to_have_value("A third question")
    await other.question.press("Enter")
    await expect(other.answers).to_have_count(3)


async def test_the_model_is_picked_by_keyboard(alice: Reader, shared_site: Site, simulator: SimulatorClient) -> None:
    simulator.script("b", {"text": "I am b.", "tokens_per_s": 0})
    picker = alice.page.get_by_label("Model")
    await picker.focus()
    await alice.page.keyboard.press("Enter")
    options = await picker.locator("option").evaluate_all("all => all.map(option => option.value)")
    at = options.index(await picker.input_value())
    for _ in range(abs(options.index("sim:b") - at)):
        await alice.page.keyboard.press("ArrowDown" if options.index("sim:b") > at else "ArrowUp")
    await alice.page.keyboard.press("Enter")
    await expect(picker).to_have_value("sim:b")
    await alice.question.fill("Who are you?")
    await alice.question.press("Enter")
    await alice.sees("I am b.")
    await alice.page.reload()

    await expect(picker).to_have_value("sim:b")
    assert simulator.requests()[-1].model == "b"
