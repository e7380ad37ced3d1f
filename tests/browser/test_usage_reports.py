"""The usage section of the admin in a browser: under its policy, by keyboard, in the dark, on a phone, printed."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.reader import Reader
from tests.servers import Site, manage, running_site

SECTIONS = (
    "?period=30d",
    "?period=today",
    "?period=this-year&chart=tokens",
    "by/user/",
    "by/group/",
    "by/model/?sort=calls",
    "matrix/",
    "conversations/",
    "calls/",
    "calls/?rows=estimated",
    "reliability/",
    "unpriced/",
)
CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
# Django's own header is not ours.
OURS = CONTRAST.replace("createTreeWalker(document.body", "createTreeWalker(document.querySelector('#content-main')")
WIDER_THAN_THE_WINDOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SHIFTED = """
() => new Promise((resolve) => {
  let shifted = 0
  new PerformanceObserver((list) => { for (const each of list.getEntries()) shifted += each.value })
    .observe({ type: "layout-shift", buffered: true })
  requestAnimationFrame(() => setTimeout(() => resolve(shifted)))
})
"""


@pytest.fixture(scope="module")
def reporting_site(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that has been used for two months."""
    folder = tmp_path_factory.mktemp("reports")
    with running_site(template, folder) as site:
        manage(folder, "seed_usage", "--rows", "3000", "--users", "70", "--models", "12", "--days", "60", "--seed", "7")
        yield site


def at(section: str) -> str:
    return f"/admin/usage/{section}"


# A tenth counts as good (web.dev/articles/cls); ours come from what loads late on a busy machine.
SEEN_TO_JUMP = 0.05


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_keeps_to_the_policy_is_readable_and_does_not_jump(
    reporting_site: Site, open_reader: Any, scheme: str
) -> None:
    """The troubles of the readers fail the test: violations, console errors, foreign requests."""
    carol: Reader = await open_reader(reporting_site.url, "carol", color_scheme=scheme, reduced_motion="reduce")
    for section in SECTIONS:
        await carol.goto(at(section))
        await expect(carol.page.locator("#content-main")).to_be_visible()
        assert await carol.page.evaluate(OURS) == [], section
        assert await carol.page.evaluate(SHIFTED) < SEEN_TO_JUMP, section
        assert await carol.page.evaluate(WIDER_THAN_THE_WINDOW) == 0, section
        assert await carol.page.locator("#content-main [style]").count() == 0, section


async def test_on_a_phone_only_tables_scroll_sideways(reporting_site: Site, open_reader: Any) -> None:
    carol: Reader = await open_reader(reporting_site.url, "carol", viewport={"width": 390, "height": 844})
    for section in SECTIONS:
        await carol.goto(at(section))
        assert await carol.page.evaluate(WIDER_THAN_THE_WINDOW) == 0, section

    await carol.goto(at("matrix/"))
    name = carol.page.locator(".usage-matrix tbody th").first
    before = await name.bounding_box()
    await carol.page.locator(".usage-matrix").evaluate("(element) => element.scrollTo(400, 0)")
    assert await name.bounding_box() == before


async def test_tiles_and_bars_are_reached_and_followed_by_keyboard(reporting_site: Site, open_reader: Any) -> None:
    carol: Reader = await open_reader(reporting_site.url, "carol")
    await carol.goto(at("?period=7d"))
    await carol.page.locator(".usage-tile a").first.focus()
    names = [await carol.page.evaluate("document.activeElement.dataset.figure")]
    for _ in range(7):
        await carol.page.keyboard.press("Tab")
        names.append(await carol.page.evaluate("document.activeElement.dataset.figure"))
    assert names == ["cost", "calls", "answers", "users", "tokens", "saved", "estimated", "unpriced"]

    bars = carol.page.locator(".chart-bucket")
    bar = bars.nth(2).get_by_role("link").first
    await bars.nth(1).get_by_role("link").first.focus()
    await carol.page.keyboard.press("Tab")
    await expect(bar).to_be_focused()
    await expect(bars.nth(2).locator(".chart-readout")).to_be_visible()
    await expect(bars.nth(1).locator(".chart-readout")).to_be_hidden()
    label = await bar.get_attribute("aria-label") or ""
    await carol.page.keyboard.press("Enter")
    await expect(carol.page).to_have_url(re.compile(r"period=\d{4}-\d\d-\d\d$"))
    await expect(carol.page.locator("#total-cost")).to_have_text(label.rpartition(": ")[2].partition(", and")[0])


async def test_a_colour_of_a_bar_leads_to_the_calls_it_stands_for(reporting_site: Site, open_reader: Any) -> None:
    carol: Reader = await open_reader(reporting_site.url, "carol")
    await carol.goto(at("?period=7d"))
    segment = carol.page.locator(".chart-bucket").nth(3).locator(".chart-segment").first
    amount = (await segment.locator("title").text_content() or "").rpartition(": ")[2]
    await segment.click()

    await expect(carol.page).to_have_url(re.compile(r"/calls/\?period=\d{4}-\d\d-\d\d&model="))
    assert (await carol.page.locator("#total-cost").inner_text()).startswith(amount)


async def test_the_chart_is_a_table_too(reporting_site: Site, open_reader: Any) -> None:
    carol: Reader = await open_reader(reporting_site.url, "carol")
    await carol.goto(at("?period=7d"))
    table = carol.page.locator(".usage-asnumbers table")
    await expect(table).to_be_hidden()
    await carol.page.get_by_text("The chart as a table").focus()
    await carol.page.keyboard.press("Enter")

    await expect(table).to_be_visible()
    await expect(table.locator("tbody tr")).to_have_count(7)


async def test_a_filter_becomes_a_part_of_the_address_and_a_chip_that_can_be_removed(
    reporting_site: Site, open_reader: Any
) -> None:
    carol: Reader = await open_reader(reporting_site.url, "carol")
    await carol.goto(at("by/user/?period=90d&sort=calls"))
    await carol.page.get_by_text("Filter", exact=True).click()
    await carol.page.get_by_label("Purpose").select_option("title")
    await carol.page.get_by_role("button", name="Apply").click()
    await expect(carol.page).to_have_url(re.compile(r"period=90d.*sort=calls.*purpose=title"))
    chip = carol.page.locator(".usage-chip")
    await expect(chip).to_contain_text("purpose: Title")
    await chip.get_by_role("link").click()

    await expect(carol.page.locator(".usage-chip")).to_have_count(0)
    await expect(carol.page).to_have_url(re.compile(r"/by/user/\?period=90d&sort=calls$"))


async def test_any_dates_can_be_picked(reporting_site: Site, open_reader: Any) -> None:
    carol: Reader = await open_reader(reporting_site.url, "carol")
    await carol.goto(at("?purpose=answer"))
    await carol.page.get_by_text("Other dates").click()
    await carol.page.locator("input[name=from]").fill("2026-02-03")
    await carol.page.locator("input[name=to]").fill("2026-02-05")
    await carol.page.get_by_role("button", name="Show").click()

    await expect(carol.page.locator(".usage-when")).to_contain_text("3 February 2026 to 5 February 2026")
    await expect(carol.page.locator(".usage-chip")).to_contain_text("purpose: Answer")


async def test_a_file_comes_down_under_a_name_that_says_what_it_is(reporting_site: Site, open_reader: Any) -> None:
    carol: Reader = await open_reader(reporting_site.url, "carol")
    await carol.goto(at("calls/?period=90d"))
    async with carol.page.expect_download() as started:
        await carol.page.get_by_role("link", name="CSV").click()
    download = await started.value

    assert re.fullmatch(r"usage-calls-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.csv", download.suggested_filename)
    text = await asyncio.to_thread(Path(await download.path()).read_text)
    assert len(text.splitlines()) > 3000


async def test_a_printed_page_is_figures_only(reporting_site: Site, open_reader: Any) -> None:
    carol: Reader = await open_reader(reporting_site.url, "carol")
    await carol.goto(at("by/user/"))
    await carol.page.emulate_media(media="print")

    await expect(carol.page.locator(".usage-nav")).to_be_hidden()
    await expect(carol.page.locator("#nav-sidebar")).to_be_hidden()
    await expect(carol.page.locator(".usage-table")).to_be_visible()
