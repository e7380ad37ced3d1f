"""`python -m tests.screenshots` writes docs/screenshots: the running product, as the README shows it."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Browser, Page, async_playwright

from tests.servers import SESSION, Site, make_template, manage, running_site, simulated
from tests.simulator.client import SimulatorClient, start_simulator

FOLDER = Path(__file__).parent.parent / "docs/screenshots"
CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DESKTOP, PHONE, TALL = {"width": 1280, "height": 800}, {"width": 390, "height": 844}, {"width": 1280, "height": 1140}
MADE_UP = ["--rows", "30000", "--users", "60", "--models", "9", "--days", "120", "--seed", "7", "--among-real-rows"]
MODELS = "openai:gpt-5.5,anthropic:claude-sonnet-5-5,google:gemini-3.8-flash,demo:demo"

QUESTION = "How do I read a large CSV file in Python without filling the memory?"
ANSWER = """Read it **row by row**: the `csv` module gives you an iterator, so only one row is in memory at a time.

```python
import csv
from collections.abc import Iterator


def rows(path: str) -> Iterator[dict[str, str]]:
    with open(path, newline="") as file:
        yield from csv.DictReader(file)


total = sum(float(row["amount"]) for row in rows("orders.csv"))
```

How the usual ways compare for a file of 2 GB:

| Way | Peak memory | Time |
|:----|------------:|-----:|
| `csv.DictReader`, row by row | 12 MB | 41 s |
| pandas with `chunksize` | 180 MB | 19 s |
| pandas, all at once | 5,900 MB | 17 s |

If you need the *whole* file for a join or a sort, load it into SQLite once and query it there.
"""
EARLIER = ("Plan a week of simple dinners", "Why is my PostgreSQL index not used?", "Rewrite this letter, please")


async def take(site: Site, simulator: SimulatorClient) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await signed_in(browser, site, DESKTOP, "light")
        simulator.script("*", {"text": "Gladly.", "tokens_per_s": 0})
        for question in EARLIER:
            await ask(page, site, question)
            await page.wait_for_selector(".message-assistant .message-foot")
        simulator.script(
            "*",
            {"text": ANSWER, "reasoning": "They want **constant memory**.", "tokens_per_s": 400, "hold_at": [420]},
        )
        await ask(page, site, QUESTION)
        await page.wait_for_selector("figure.code")
        await page.wait_for_timeout(700)
        await page.screenshot(path=FOLDER / "streaming.png")
        simulator.release()
        await page.wait_for_selector(".message-assistant .message-foot")
        await page.wait_for_timeout(300)
        await page.screenshot(path=FOLDER / "answer.png")
        phone = await signed_in(browser, site, PHONE, "dark")
        await phone.goto(page.url)
        await phone.wait_for_selector(".message-foot")
        await phone.screenshot(path=FOLDER / "phone.png")
        await browser.close()


async def take_usage(site: Site) -> None:
    """The usage section of the admin, on a made-up ledger."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = await signed_in(browser, site, TALL, "light", "carol")
        await page.goto(f"{site.url}/admin/usage/")
        await page.locator(".chart-bucket").nth(-5).get_by_role("link").first.hover()
        await page.wait_for_timeout(300)
        await page.screenshot(path=FOLDER / "usage.png")
        await browser.close()


async def signed_in(browser: Browser, site: Site, size: dict[str, int], scheme: str, name: str = "alice") -> Page:
    context = await browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=2)  # type: ignore[arg-type]
    await context.add_cookies([{"name": "sessionid", "value": SESSION(name), "url": site.url}])
    return await context.new_page()


async def ask(page: Page, site: Site, question: str) -> None:
    await page.goto(site.url)
    await page.fill("textarea[name=text]", question)
    await page.keyboard.press("Enter")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as template, TemporaryDirectory() as folder, start_simulator() as simulator:
        make_template(Path(template))
        with running_site(Path(template), Path(folder), **simulated(simulator, MODELS)) as site:
            asyncio.run(take(site, simulator))
            manage(Path(folder), "seed_usage", *MADE_UP)
            asyncio.run(take_usage(site))


if __name__ == "__main__":
    main()
