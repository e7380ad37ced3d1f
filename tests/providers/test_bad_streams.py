"""What breaks on the way: every adapter ends with the right error, and closes its connection when its reader leaves."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.anthropic_messages import AnthropicMessages
from providers.anthropic_messages.errors import to_our_error as of_anthropic
from providers.anthropic_messages.stream import Answer as AnthropicAnswer
from providers.contract import (
    ChatRequest,
    Connection,
    Provider,
    ReasoningDelta,
    StreamEvent,
    Text,
    TextDelta,
    Timeouts,
    Turn,
)
from providers.errors import Disconnected, Garbled, ProviderError, SilentTooLong
from providers.google_generate_content import GoogleGenerateContent
from providers.google_generate_content.errors import to_our_error as of_google
from providers.google_generate_content.stream import Answer as GoogleAnswer
from providers.sse import EventDecoder
from providers.upstream import errors_translated
from tests.providers.collected import Collected, collect
from tests.providers.recordings import recordings
from tests.serving import Served, serving

HELLO = ChatRequest("some-model", (Turn("user", (Text("Hello"),)),))
IMPATIENT = Timeouts(first_event_s=0.3, between_events_s=0.3)
PATIENT = Timeouts(first_event_s=30, between_events_s=30)
PATIENT_AT_FIRST = Timeouts(first_event_s=30, between_events_s=0.3)
PROMPT_S = 2.0


def data(*wire: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in wire)


@dataclass(frozen=True)
class Company:
    """An adapter, how an answer of its API begins that then breaks, and what has been counted by then."""

    adapter: Callable[[Connection], Provider]
    beginning: bytes
    counted_input: int = 5


COMPANIES = {
    "anthropic": Company(
        AnthropicMessages,
        data(
            {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 5, "output_tokens": 1}}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        ),
    ),
    "google": Company(
        GoogleGenerateContent,
        data(
            {
                "candidates": [{"content": {"parts": [{"text": "Hi"}]}}],
                "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 1},
            }
        ),
    ),
}


@pytest.fixture(params=COMPANIES.values(), ids=COMPANIES.keys())
def company(request: pytest.FixtureRequest) -> Company:
    chosen: Company = request.param
    return chosen


async def ask(company: Company, url: str, timeouts: Timeouts = PATIENT) -> Collected:
    provider = company.adapter(Connection("key", url, timeouts))
    try:
        return await collect(provider.stream(HELLO))
    finally:
        await provider.aclose()


# --- endings ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("then", "expected"),
    [("end", Garbled), ("close", Disconnected), ("reset", Disconnected), ("stall", SilentTooLong)],
)
async def test_a_stream_that_breaks_keeps_its_text_and_its_count(
    company: Company, then: str, expected: type[ProviderError]
) -> None:
    with serving(company.beginning, then=then) as served:
        answer = await ask(company, served.url, PATIENT_AT_FIRST if then == "stall" else PATIENT)

    assert type(answer.error) is expected
    assert answer.text == "Hi"
    assert answer.error.usage is not None
    assert answer.error.usage.input == company.counted_input
    assert answer.finished is None


@pytest.mark.parametrize("body", [b"<!doctype html><p>Sign in</p>", b"", b'[{"a": 1}]', b'{"a": 1}'])
async def test_a_200_that_is_no_stream_is_garbled(company: Company, body: bytes) -> None:
    with serving(body) as served:
        answer = await ask(company, served.url)

    assert answer.events == []
    assert type(answer.error) is Garbled


@pytest.mark.parametrize("broken", [b'data: {"type": "mess\n\n', b"data: \xff\xfe\n\n", b"data: {}}\n\n"])
async def test_broken_json_is_garbled(company: Company, broken: bytes) -> None:
    with serving(company.beginning + broken + company.beginning) as served:
        answer = await ask(company, served.url)

    assert answer.text == "Hi"
    assert type(answer.error) is Garbled


async def test_a_head_without_an_event_is_silence(company: Company) -> None:
    with serving(b"", then="stall") as served:
        answer = await ask(company, served.url, IMPATIENT)

    assert type(answer.error) is SilentTooLong


async def test_a_server_that_never_answers_is_silence(company: Company) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        answer = await ask(company, f"http://127.0.0.1:{deaf.getsockname()[1]}", IMPATIENT)

    assert type(answer.error) is SilentTooLong


async def test_nobody_there_is_a_broken_connection(company: Company) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"

    error = (await ask(company, url)).error
    assert type(error) is Disconnected
    assert not error.sent


@pytest.mark.parametrize("url", ["not a url", "ftp://127.0.0.1/"])
async def test_an_address_that_is_none_is_a_broken_connection(company: Company, url: str) -> None:
    assert type((await ask(company, url)).error) is Disconnected


# --- anything at all --------------------------------------------------------

ANSWERS = {"anthropic": (AnthropicAnswer, of_anthropic), "google": (GoogleAnswer, of_google)}
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just({}) | st.just([]) | st.just([7])


@given(st.data())
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("api", ANSWERS)
def test_json_of_any_shape_lets_only_provider_errors_out(api: str, data: st.DataObject) -> None:
    recorded = data.draw(st.sampled_from(recordings(api)), "recorded")
    payloads = EventDecoder().feed(recorded.body)[:40]
    spoilt = data.draw(st.integers(0, max(0, len(payloads) - 1)), "spoilt")
    kind, to_our_error = ANSWERS[api]
    answer = kind()

    with contextlib.suppress(ProviderError), errors_translated(answer, to_our_error):
        for index, payload in enumerate(payloads):
            wire = json.loads(payload)
            list(answer.read(json.dumps(with_a_wrong_value(wire, data) if index == spoilt else wire).encode()))

    assert answer.usage is None or answer.usage.input >= 0


def with_a_wrong_value(wire: Any, data: st.DataObject) -> Any:
    """The same JSON, but somewhere in it stands something that does not belong there."""
    if not wire or not isinstance(wire, dict | list) or data.draw(st.integers(0, 3)) == 0:
        return data.draw(SCALARS)
    keys = list(wire) if isinstance(wire, dict) else list(range(len(wire)))
    key = data.draw(st.sampled_from(keys))
    wire[key] = with_a_wrong_value(wire[key], data)
    return wire


# --- closing ----------------------------------------------------------------


type Opened = Callable[[str], Provider]


@pytest.fixture
async def opened(company: Company) -> AsyncGenerator[Opened]:
    """Makes providers for an address; they are closed at the end."""
    made: list[Provider] = []

    def make(url: str) -> Provider:
        made.append(company.adapter(Connection("key", url)))
        return made[-1]

    yield make
    for provider in made:
        await provider.aclose()


async def is_closed(served: Served) -> bool:
    return await asyncio.to_thread(served.client_gone.wait, PROMPT_S)


async def first_text(stream: AsyncGenerator[StreamEvent]) -> None:
    async for event in stream:
        if isinstance(event, TextDelta | ReasoningDelta):
            return


async def test_closing_the_stream_closes_the_connection(company: Company, opened: Opened) -> None:
    with serving(company.beginning, then="stall") as served:
        stream = opened(served.url).stream(HELLO)
        await first_text(stream)
        await stream.aclose()

        assert await is_closed(served)


async def test_cancelling_a_reader_that_waits_closes_the_connection(company: Company, opened: Opened) -> None:
    async def read() -> None:
        await first_text(stream)
        reading.set()
        await first_text(stream)

    with serving(company.beginning, then="stall") as served:
        stream = opened(served.url).stream(HELLO)
        reading = asyncio.Event()
        await cancelled_once(read, reading)

        assert await is_closed(served)


async def test_cancelling_a_reader_that_waits_for_the_first_event_closes_the_connection(opened: Opened) -> None:
    with serving(b"", then="stall") as served:
        stream = opened(served.url).stream(HELLO)
        reader = asyncio.create_task(first_text(stream))
        await asyncio.to_thread(served.body_sent.wait, PROMPT_S)
        reader.cancel()

        assert await is_closed(served)
        await asyncio.wait([reader])


async def test_cancelling_a_busy_reader_closes_the_connection(company: Company, opened: Opened) -> None:
    async def read() -> None:
        async with aclosing(opened(served.url).stream(HELLO)) as stream:
            async for event in stream:
                await be_busy_with(event)

    async def be_busy_with(event: StreamEvent) -> None:
        if isinstance(event, TextDelta):
            busy.set()
            await asyncio.Event().wait()

    with serving(company.beginning, then="stall") as served:
        busy = asyncio.Event()
        await cancelled_once(read, busy)

        assert await is_closed(served)


async def test_a_busy_reader_that_forgot_to_close_is_cleaned_up_after(company: Company, opened: Opened) -> None:
    async def read() -> None:
        async for event in opened(served.url).stream(HELLO):
            if isinstance(event, TextDelta):
                busy.set()
                await asyncio.Event().wait()

    with serving(company.beginning, then="stall") as served:
        busy = asyncio.Event()
        await cancelled_once(read, busy)

        assert await is_closed(served)


async def cancelled_once(read: Callable[[], Any], reading: asyncio.Event) -> None:
    reader = asyncio.create_task(read())
    await asyncio.wait_for(reading.wait(), PROMPT_S * 5)
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.wait([reader])


async def test_closing_the_provider_ends_a_running_stream(company: Company, opened: Opened) -> None:
    with serving(company.beginning, then="stall") as served:
        provider = opened(served.url)
        stream = provider.stream(HELLO)
        await first_text(stream)
        rest = asyncio.create_task(collect(stream))
        await asyncio.sleep(0)
        await provider.aclose()

        assert type((await asyncio.wait_for(rest, PROMPT_S)).error) is Disconnected
        assert await is_closed(served)


async def test_a_closed_provider_opens_again(company: Company, opened: Opened) -> None:
    with serving(company.beginning) as served:
        provider = opened(served.url)
        await collect(provider.stream(HELLO))
        await provider.aclose()

        assert (await collect(provider.stream(HELLO))).text == "Hi"
        await provider.aclose()
