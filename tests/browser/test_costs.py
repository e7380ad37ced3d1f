"""What things cost, in the page: kept up to date below the composer and in the menu, without a reload."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.reader import Reader
from tests.servers import Site, manage, running_site, simulated
from tests.simulator.client import SimulatorClient

# A thousand tokens of output cost a cent, a thousand of input a tenth of one; a day's budget of two dollars.
SETTING = """
from conversations.models import Budget, ModelPrice
ModelPrice.objects.create(model="sim:a", fresh_input="1", output="10", effective_from="2020-01-01T00:00:00Z")
Budget.objects.create(name="Day", limit_usd=2, period="day", scope="each_user")
"""
ANSWER = {"text": "Yes.", "tokens_per_s": 0, "usage": {"fresh_input": 8_000, "output": 2_000}}


@pytest.fixture(scope="module")
def priced_site(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Site]:
    folder, data_dir = tmp_path_factory.mktemp("priced"), tmp_path_factory.mktemp("site")
    shutil.copy(template / "db.sqlite3", folder)
    manage(folder, "shell", "--no-imports", "-c", SETTING)
    with running_site(folder, data_dir, **simulated(simulator_process, "sim:a,sim:b")) as running:
        yield running


async def test_the_cost_of_the_next_message_follows_the_model_and_the_conversation(
    open_reader: Any, priced_site: Site, simulator: SimulatorClient
) -> None:
    simulator.script("a", ANSWER)
    reader: Reader = await open_reader(priced_site.url)
    await reader.goto("/")
    outlook = reader.page.locator("#outlook")
    await expect(outlook).to_contain_text("Next message: about $0.0050.")

    picker = reader.page.locator("#composer select[name=model]")
    await picker.select_option("sim:b")
    await expect(outlook).to_contain_text("cost unknown")
    assert await reader.page.evaluate("location.pathname") == "/"
    await picker.select_option("sim:a")
    await expect(outlook).to_contain_text("about $0.0050")

    await reader.ask(model="sim:a")
    await reader.sees("Yes.")

    await expect(outlook).to_contain_text("Next message: about $0.015, $0.010 of it for the conversation so far.")
    await reader.page.get_by_label("What to do with this conversation").click()
    await expect(reader.page.locator("#conversation-cost")).to_have_text("Cost so far: $0.0280")


async def test_ones_usage_is_reached_by_keyboard_and_a_day_leads_to_its_calls(
    open_reader: Any, priced_site: Site, simulator: SimulatorClient
) -> None:
    simulator.script("a", ANSWER)
    reader: Reader = await open_reader(priced_site.url, "bob")
    await reader.goto("/")
    await reader.ask("What did this cost?", model="sim:a")
    await reader.sees("Yes.")

    await reader.page.locator(".account-button").focus()
    await reader.page.keyboard.press("Enter")
    await reader.page.get_by_role("link", name="Your usage").focus()
    await reader.page.keyboard.press("Enter")
    await expect(reader.page.get_by_role("heading", name="Your usage")).to_be_visible()
    await expect(reader.page.locator(".usage-tile-large")).to_contain_text("$0.0280")
    await expect(reader.page.locator(".usage-meter")).to_contain_text("You have used $0.03 of $2.00 today.")

    await reader.page.locator(".chart-bar").focus()
    await reader.page.keyboard.press("Enter")
    await expect(reader.page.get_by_role("heading", name="By hour")).to_be_visible()
    await reader.page.locator("#calls + .usage-scroll a", has_text="What did this cost?").click()
    await reader.sees("Yes.")
