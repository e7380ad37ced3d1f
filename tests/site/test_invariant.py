"""What a reader has at the end is what was stored, and that is what the provider sent; each call is billed once."""

import asyncio
import random
import re
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from conversations.rendering.markdown import render
from providers.contract import Usage
from tests.providers import test_google_generate_content as google
from tests.providers.recordings import Recording, recordings
from tests.providers.test_openai_chat import REASONING_BEYOND_THE_INDEX
from tests.seeds import drawn_seed
from tests.servers import Site
from tests.simulator.client import SimulatorClient
from tests.site.conftest import LETTERS, RECORDED
from tests.site.exchanges import Exchange, ask, assert_is_beginning, has_part, shown
from tests.site.markdown_texts import random_text
from tests.site.viewing import Followed, follow, viewing
from tests.streaming.page import Page, canonical

ALL = [recording for api in RECORDED for recording in recordings(api)]
# How the recordings with an in-stream error fail; those that only end without their terminal event are garbled.
ERROR_KINDS = {
    "chat-function-calling-anthropic-claude-3-5-hai-05edc-1": "overloaded",
    "gpt-oss-120b-tool-use-failed": "request_refused",
    "minimax-m2-free-openrouter-stream-error": "request_refused",
    "gpt-5-nano-2025-08-07-openai-error-1": "quota_exhausted",
    "failure-error-mid-stream": "disconnected",
}
TEXTS = 200


@dataclass
class Played:
    """A recording that has gone through the whole site."""

    exchange: Exchange
    followed: Followed


@pytest.fixture(scope="module")
def played(shared_site: Site, simulator_process: SimulatorClient) -> dict[str, Played]:
    """All recordings, by name: one after the other on each API, as fast as the events come."""

    async def play() -> dict[str, Played]:
        apis = (play_api(shared_site, simulator_process, api, model) for api, model in RECORDED.items())
        return {name: done for outcomes in await asyncio.gather(*apis) for name, done in outcomes.items()}

    return asyncio.run(play())


async def play_api(site: Site, simulator: SimulatorClient, api: str, model: str) -> dict[str, Played]:
    outcomes = {}
    with site.signed_in("alice") as client:
        for recording in recordings(api):
            script = {
                "recording": recording.name,
                "tokens_per_s": 2000,
                "wire_bytes": (20, 2000),
                "first_token_delay_s": 0.1,
            }
            simulator.script(model.partition(":")[2], script)
            exchange = await asyncio.to_thread(ask, site, client, recording.name, model=model)
            followed = await follow(site.port, exchange.message_id)
            outcomes[recording.name] = Played(exchange, followed)
    return outcomes


@pytest.mark.parametrize("recording", ALL, ids=str)
def test_a_recorded_answer_is_shown_stored_and_billed_as_it_was_sent(
    recording: Recording, played: dict[str, Played]
) -> None:
    exchange, followed = played[recording.name].exchange, played[recording.name].followed
    expected = recording.expected
    texts = [text for kind, text in exchange.parts() if kind == "text"]
    thoughts = [text for kind, text in exchange.parts() if kind == "reasoning"]

    thought_aloud, said = between_tags(expected["text"])
    assert "".join(texts) == said + expected.get("refusal", "")
    assert "".join(thoughts) == expected_reasoning(recording) + thought_aloud
    assert shown(followed.final, "text") == [canonical(render(text)) for text in texts]
    assert shown(followed.final, "reasoning") == [canonical(render(text)) for text in thoughts]
    assert_is_beginning(followed.page, exchange)
    assert followed.page.events.count("reset") <= 1
    (row,) = exchange.ledger()
    assert row["purpose"] == "answer"
    assert exchange.segments() == 0
    if (expected["complete"] or expected.get("done")) and not expected["error"]:
        assert exchange.status == "complete"
        assert billed(row) == billed_as_expected(recording)
    else:
        assert (exchange.status, exchange.error_kind) == ("failed", error_kind(recording))


def between_tags(text: str) -> tuple[str, str]:
    """(what a model thinks aloud at the start of its text, the rest): the site tells them apart, the index does not."""
    thinking = re.match(r"\s*<think>(.*?)</think>", text, re.DOTALL)
    return (thinking[1], text[thinking.end() :]) if thinking else ("", text)


def expected_reasoning(recording: Recording) -> str:
    """OpenAI's summaries are paragraphs of one text."""
    if str(recording) in REASONING_BEYOND_THE_INDEX:
        return REASONING_BEYOND_THE_INDEX[str(recording)]
    parts = recording.expected.get("reasoning_parts")
    return "\n\n".join(parts) if parts else recording.expected["reasoning"]


def error_kind(recording: Recording) -> str:
    return next((kind for part, kind in ERROR_KINDS.items() if part in recording.name), "garbled")


def billed(row: dict[str, Any]) -> Usage | None:
    names = ("fresh_input", "cache_read", "cache_write", "output", "reasoning")
    return Usage(*(row[name] for name in names)) if row["confidence"] == "reported" else None


def billed_as_expected(recording: Recording) -> Usage | None:
    """The recorded count in our classes; each company counts what is cached, and what is thought, in its own way."""
    if not recording.expected["usage"]:
        return None
    if recording.name.startswith("google/"):
        return google.to_usage(recording.expected)
    count = {name: tokens or 0 for name, tokens in recording.expected["usage"].items()}
    fresh = count["input"]
    if not recording.name.startswith("anthropic/"):
        fresh -= count["cached"] + count["cache_write"]
    return Usage(fresh, count["cached"], count["cache_write"], count["output"], count["reasoning"])


def test_random_markdown_is_on_the_page_before_the_end_and_the_same_after_it(
    shared_site: Site, simulator: SimulatorClient
) -> None:
    seed = drawn_seed()
    texts = [f"{random_text(random.Random(seed + number))}\n\nThe end.\n\n" for number in range(TEXTS)]

    async def exchanged() -> None:
        async with asyncio.TaskGroup() as together:
            for number, letter in enumerate(LETTERS):
                script = {"echo": "question", "tokens_per_s": 3000, "hold_at": (10**9,), "seed": seed + number}
                simulator.script(letter, {**script, "token_chars": (1, 3 * 2**number)})
                together.create_task(hear_each(shared_site, simulator, letter, texts[number :: len(LETTERS)]))

    asyncio.run(exchanged())


async def hear_each(site: Site, simulator: SimulatorClient, letter: str, texts: list[str]) -> None:
    """Let the model say each of `texts`, and compare what the page has with it before and after `done`."""
    with site.signed_in("alice") as client:
        for text in texts:
            await hear(site, simulator, client, letter, text)


async def hear(site: Site, simulator: SimulatorClient, client: httpx2.Client, letter: str, text: str) -> None:
    exchange = await asyncio.to_thread(ask, site, client, text, model=f"sim:{letter}")
    page, whole = Page(str(exchange.message_id)), canonical(render(text))
    async with viewing(site.port, exchange.message_id) as view:
        while not (has_part(page, 0) and "The end." in page.blocks(0)):
            event = await view.event()
            assert event
            page.receive(event.raw)
            assert not has_part(page, 0) or whole.startswith(page.blocks(0)), text
        assert page.blocks(0) == whole, text
        assert page.is_settled(0), text
        await asyncio.to_thread(simulator.release, model=letter)
        done = await view.until("done")
        assert await view.event() is None
    assert page.events.count("reset") == 1
    assert exchange.text == text
    assert exchange.html() == [render(text)]
    assert shown(done.data, "text") == [whole]
    assert [row["purpose"] for row in exchange.ledger()] == ["answer"]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("One\r\nline, another\rline.", "One\r\nline, another\rline."),
        ("A NUL \0 in the text.", "A NUL � in the text."),
        ("An emoji 🦋 and a family 👨‍👩‍👧.", "An emoji 🦋 and a family 👨‍👩‍👧."),
        ("event: done\ndata: x\n\nid: 7\n\n: comment", "event: done\ndata: x\n\nid: 7\n\n: comment"),
        ("  \n\n\t code first\n", "  \n\n\t code first\n"),
    ],
)
@pytest.mark.parametrize("model", ["sim:sim", "openai:sim", "anthropic:sim", "google:sim"])
def test_awkward_characters_arrive(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, model: str, sent: str, stored: str
) -> None:
    simulator.script("sim", {"text": sent, "tokens_per_s": 500, "token_chars": (1, 2), "wire_bytes": (1, 30)})
    exchange = ask(shared_site, alice, model=model)
    followed = asyncio.run(follow(shared_site.port, exchange.message_id))

    assert exchange.text == stored
    assert shown(followed.final, "text") == [canonical(render(stored))]
    assert shown(alice.get(exchange.url).text, "text", exchange.message_id) == [canonical(render(stored))]
