"""What the page shows at the end is what was stored, rendered, and that is what the provider sent."""

import asyncio
import random
import re
from typing import Any

import pytest

from tests.browser.conftest import LETTERS
from tests.browser.reader import Reader, let_go, rendered
from tests.providers.recordings import recording
from tests.rendering.corpus import answers
from tests.seeds import drawn_seed
from tests.servers import Site
from tests.simulator.client import SimulatorClient
from tests.site.markdown_texts import random_text

RECORDED = [
    ("openai:sim", "grok-code-fast-1-xai-text-streaming"),  # reasoning, then prose
    ("openai:sim", "distillery-genedit-complete-workflow"),  # code
    ("sim:sim", "deepseek-chat-chinese-emoji"),
    ("sim:sim", "deepseek-chat-streaming-with-api-usage"),  # a table
    ("anthropic:sim", "claude-opus-4-6-anthropic-compaction"),  # code, tables, emoji
    ("anthropic:sim", "code-execution-download-file-stream"),  # reasoning between texts
    ("google:sim", "thinking-reply-thought-summary-ef21b"),
]
RANDOM_TEXTS = 20
TABS = 4


@pytest.mark.parametrize(("model", "name"), RECORDED, ids=lambda value: value if ":" not in value else "")
async def test_a_recorded_answer(
    alice: Reader, shared_site: Site, simulator: SimulatorClient, model: str, name: str
) -> None:
    whole = recording(name)
    simulator.script("sim", {"recording": whole.name, "tokens_per_s": 1000, "first_token_delay_s": 0.2})
    await alice.ask(name, model=model)
    await alice.until_done()
    stored = alice.exchange(shared_site)
    texts = [text for kind, text in stored.parts() if kind == "text"]

    assert stored.text == whole.expected["text"]
    assert await alice.shown() == "".join(rendered(text) for text in texts)
    assert await alice.shown("reasoning") == rendered(stored.reasoning)
    await alice.page.reload()
    assert await alice.shown() == "".join(rendered(text) for text in texts)
    assert await alice.shown("reasoning") == rendered(stored.reasoning)
    assert bool(stored.reasoning) == bool(whole.expected["reasoning"])


async def test_texts_in_random_pieces(open_reader: Any, shared_site: Site, simulator: SimulatorClient) -> None:
    seed = drawn_seed()
    texts = [
        *map(without_definitions, answers()),
        *(random_text(random.Random(seed + number)) for number in range(RANDOM_TEXTS)),
    ]

    async def read(tab: int) -> None:
        reader = await open_reader(shared_site.url)
        await reader.goto("/")
        for text in texts[tab::TABS]:
            await read_one(reader, shared_site, simulator, LETTERS[tab], f"{text}\n\nThe end.\n\n", seed + tab)

    await asyncio.gather(*(read(tab) for tab in range(TABS)))


def without_definitions(text: str) -> str:
    """Where a link is defined below its use, only the final form can have it."""
    return re.sub(r"(?m)^\[.+\]: .*$", "", text)


async def read_one(reader: Reader, site: Site, simulator: SimulatorClient, letter: str, text: str, seed: int) -> None:
    """The answer is compared just before it is replaced by its final form, and after."""
    pieces = {"token_chars": (1, random.Random(seed).choice((4, 30, 200))), "seed": seed, "tokens_per_s": 1000}
    simulator.script(letter, {"text": text, "hold_at": (10**9,), **pieces})
    await reader.ask("Say it.", model=f"sim:{letter}")
    await reader.sees("The end.")
    await reader.shows(text)
    await let_go(simulator, model=letter)
    await reader.until_done()

    assert reader.exchange(site).text == text == simulator.requests(model=letter)[-1].sent_text
    assert await reader.shown() == rendered(text)
