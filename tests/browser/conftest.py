"""One Chromium for all tests of this package, one site for those that need no restart, a new context for each test."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.reader import Reader, Troubles, opened
from tests.proxy import Proxy, start_proxy
from tests.servers import WARM, Site, running_site, simulated
from tests.simulator.client import SimulatorClient

CHROMIUM = Path("/usr/bin/chromium")
# What Playwright switches off anyway (of this option only the last one counts), and two hidden pages for suggestions of
# the address bar, which would cost each page of a test more time than it takes itself.
WITHOUT_FEATURES = (
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    f"--disable-features={','.join(WITHOUT_FEATURES)}",
]
LETTERS = "abcdefgh"
# `sim` answers on all four wire APIs; tests that script several models at once take the letters.
MODELS = [
    *(f"{provider}:sim" for provider in ("sim", "openai", "anthropic", "google")),
    *(f"sim:{letter}" for letter in LETTERS),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this package run in one event loop: the browser belongs to it."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    return CHROMIUM


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(chromium_path: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path, args=ARGUMENTS, ignore_default_args=["--disable-back-forward-cache"]
        )
        yield browser
        await browser.close()


@pytest.fixture(scope="package")
def shared_site(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Site]:
    settings = simulated(simulator_process, ",".join(MODELS)) | WARM
    with running_site(template, tmp_path_factory.mktemp("site"), **settings) as running:
        yield running


@pytest.fixture
def proxy(shared_site: Site) -> Iterator[Proxy]:
    """A way to the shared site that can be broken."""
    with start_proxy(shared_site.port) as running:
        yield running


@pytest.fixture
def troubles() -> Iterator[Troubles]:
    """What went wrong in any page of the test: all of it must have been expected."""
    seen = Troubles()
    yield seen
    assert seen.unexpected() == []


@pytest_asyncio.fixture(loop_scope="session")
async def open_reader(chromium: Browser, troubles: Troubles) -> AsyncIterator[Any]:
    """Gives `await open_reader(url, "alice", **context_options)`: somebody at a page of a browser of their own."""
    async with AsyncExitStack() as closing:

        async def open_one(url: str, name: str = "alice", **options: Any) -> Reader:
            return await closing.enter_async_context(opened(chromium, troubles, url, name, **options))

        yield open_one


@pytest_asyncio.fixture(loop_scope="session")
async def alice(open_reader: Any, shared_site: Site, simulator: SimulatorClient) -> Reader:
    """Alice at the shared site's start page."""
    reader: Reader = await open_reader(shared_site.url)
    await reader.goto("/")
    return reader


@pytest_asyncio.fixture(loop_scope="session")
async def bea(proxy: Proxy, open_reader: Any, simulator: SimulatorClient) -> Reader:
    """Alice again, in a conversation of one exchange, behind the proxy."""
    simulator.script("sim", {"text": "Yes.", "tokens_per_s": 0})
    reader: Reader = await open_reader(proxy.url)
    await reader.goto("/")
    await reader.ask("A first question")
    await reader.until_done()
    return reader
