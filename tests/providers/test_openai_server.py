"""What both OpenAI adapters do when an answer goes wrong, falls silent or is no longer wanted."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from providers.contract import ChatRequest, Connection, Provider, TextDelta, Timeouts, Turn
from providers.contract import Text as TextPart
from providers.errors import (
    Disconnected,
    Garbled,
    KeyRejected,
    Overloaded,
    ProviderError,
    RateLimited,
    SilentTooLong,
)
from providers.openai_chat import OpenAIChat
from providers.openai_responses import OpenAIResponses
from tests.providers.collected import Collected, collect
from tests.serving import Served, serving

HELLO = ChatRequest("a-model", (Turn("user", (TextPart("Hello"),)),))
PATIENT = Timeouts()
HASTY = Timeouts(connect_s=5.0, first_event_s=0.3, between_events_s=0.1)
AT_ONCE_S = 30.0  # it takes some milliseconds, or for ever

HI = {
    OpenAIResponses: b'data: {"type": "response.output_text.delta", "delta": "Hi"}\n\n',
    OpenAIChat: b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n',
}
THOUGHT = {
    OpenAIResponses: b'data: {"type": "response.reasoning_summary_text.delta", "delta": "Hm"}\n\n',
    OpenAIChat: b'data: {"choices": [{"delta": {"reasoning": "Hm"}}]}\n\n',
}
END = {
    OpenAIResponses: b'data: {"type": "response.completed", "response": {}}\n\n',
    OpenAIChat: b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n',
}

type Adapter = type[OpenAIResponses] | type[OpenAIChat]
type Opening = Callable[..., Provider]

pytestmark = pytest.mark.parametrize("adapter", [OpenAIResponses, OpenAIChat])


@pytest.fixture
async def opened(adapter: Adapter) -> AsyncIterator[Opening]:
    """Opens the adapter at a server, and closes it at the end of the test."""
    providers: list[Provider] = []

    def open_at(server: Served | str, *, key: str = "a-key", timeouts: Timeouts = PATIENT) -> Provider:
        url = server if isinstance(server, str) else f"{server.url}/v1"
        providers.append(adapter(Connection(key, url, timeouts)))
        return providers[-1]

    yield open_at
    for provider in providers:
        await provider.aclose()


# --- answers that go wrong --------------------------------------------------


async def test_an_answer_that_ends_without_its_last_event_is_garbled(adapter: Adapter, opened: Opening) -> None:
    with serving(HI[adapter]) as server:
        answer = await collect(opened(server).stream(HELLO))

    assert answer.events == [TextDelta("Hi")]
    assert isinstance(answer.error, Garbled)


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_connection_that_breaks_has_disconnected(adapter: Adapter, opened: Opening, then: str) -> None:
    with serving(HI[adapter], then=then) as server:
        answer = await collect(opened(server).stream(HELLO))

    assert type(answer.error) is Disconnected


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", Garbled),
        (b"<html><body>Welcome to nginx!</body></html>", Garbled),
        (b'data: {"type": "response.outp\n\n', Garbled),
        (b"data: [1, 2]\n\n", Garbled),
        (b'data: "words"\n\n', Garbled),
        (b'data: {"type": 7, "choices": 7}\n\n', Garbled),
        (b'data: {"type": "response.completed", "response": [], "choices": [[]]}\n\n', Garbled),
        (b'data: {"type": "response.output_item.done", "item": "?", "choices": "?"}\n\n', Garbled),
        (b'data: {"type": "\xff\xfe", "choices": "\xff"}\n\n', Garbled),
        (b'{"id": "a whole answer", "choices": []}', Garbled),
        (b'{"error": {"code": 429, "message": "Slow down"}}', RateLimited),
        (b'{\n  "error": "model is overloaded"\n}\n', Overloaded),
    ],
)
async def test_what_is_no_answer_at_all_is_an_error(
    adapter: Adapter, opened: Opening, body: bytes, kind: type[ProviderError]
) -> None:
    with serving(body) as server:
        answer = await collect(opened(server).stream(HELLO))

    assert answer.events == []
    assert type(answer.error) is kind


async def test_nobody_listening_is_a_missing_connection(adapter: Adapter, opened: Opening) -> None:
    with serving() as server:
        gone = f"{server.url}/v1"

    answer = await collect(opened(gone).stream(HELLO))

    assert type(answer.error) is Disconnected


@pytest.mark.parametrize("url", ["nonsense", "http://[", "ftp://127.0.0.1/v1"])
async def test_an_address_that_is_none_is_a_missing_connection(adapter: Adapter, opened: Opening, url: str) -> None:
    answer = await collect(opened(url).stream(HELLO))

    assert type(answer.error) is Disconnected


@pytest.mark.parametrize("key", ["“sk-quoted”", "sk\nkey"])
async def test_a_key_that_no_header_can_carry_is_rejected(adapter: Adapter, opened: Opening, key: str) -> None:
    with serving(END[adapter]) as server:
        answer = await collect(opened(server, key=key).stream(HELLO))

    assert type(answer.error) is KeyRejected
    assert "sk" not in answer.error.detail


async def test_a_key_pasted_with_its_line_end_is_good(adapter: Adapter, opened: Opening) -> None:
    with serving(END[adapter]) as server:
        await collect(opened(server, key=" a-key\n").stream(HELLO))

    assert b"authorization: bearer a-key\r\n" in server.requests[0].lower()


async def test_a_server_without_keys_is_asked_all_the_same(adapter: Adapter, opened: Opening) -> None:
    with serving(END[adapter]) as server:
        answer = await collect(opened(server, key="").stream(HELLO))

    assert answer.finished


async def test_a_failing_server_is_asked_once(adapter: Adapter, opened: Opening) -> None:
    with serving(b"{}", status=503, headers={"retry-after": "0"}) as server:
        answer = await collect(opened(server).stream(HELLO))

    assert type(answer.error) is Overloaded
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after": "0.5"}, 0.5, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25, 0.25),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0, 0),
    ],
)
async def test_a_rate_limited_request_says_how_long_to_wait(
    adapter: Adapter, opened: Opening, headers: dict[str, str], low: float, high: float
) -> None:
    with serving(b'{"error": {"message": "slow down"}}', status=429, headers=headers) as server:
        answer = await collect(opened(server).stream(HELLO))

    assert type(answer.error) is RateLimited
    assert answer.error.retry_after_s is not None
    assert low <= answer.error.retry_after_s <= high


async def test_a_rate_limited_request_may_name_a_moment_to_wait_for(adapter: Adapter, opened: Opening) -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    with serving(b"{}", status=429, headers={"retry-after": in_a_minute}) as server:
        answer = await collect(opened(server).stream(HELLO))

    assert type(answer.error) is RateLimited
    assert answer.error.retry_after_s is not None
    assert 1 <= answer.error.retry_after_s <= 60


@pytest.mark.parametrize("headers", [{}, {"retry-after": "soon"}, {"retry-after": ""}])
async def test_a_wait_that_nobody_understands_is_none(
    adapter: Adapter, opened: Opening, headers: dict[str, str]
) -> None:
    with serving(b"{}", status=429, headers=headers) as server:
        answer = await collect(opened(server).stream(HELLO))

    assert answer.error
    assert answer.error.retry_after_s is None


# --- silence ----------------------------------------------------------------


async def test_a_server_that_never_answers_is_silent_too_long(adapter: Adapter, opened: Opening) -> None:
    with serving(then="stall") as server:
        answer = await collect(opened(server, timeouts=HASTY).stream(HELLO))
        assert await has_gone(server)

    assert type(answer.error) is SilentTooLong


async def test_an_answer_that_stops_in_the_middle_is_silent_too_long(adapter: Adapter, opened: Opening) -> None:
    with serving(HI[adapter], then="stall") as server:
        answer = await collect(opened(server, timeouts=Timeouts(between_events_s=0.1)).stream(HELLO))
        assert await has_gone(server)

    assert answer.text == "Hi"
    assert type(answer.error) is SilentTooLong


async def test_a_model_that_thinks_may_be_silent_for_longer(adapter: Adapter, opened: Opening) -> None:
    timeouts = Timeouts(first_event_s=0.6, between_events_s=0.05)
    with serving(THOUGHT[adapter], then="stall") as server:
        began = time.monotonic()
        answer = await collect(opened(server, timeouts=timeouts).stream(HELLO))

    assert type(answer.error) is SilentTooLong
    assert time.monotonic() - began >= 0.6


async def test_a_reader_that_takes_its_time_is_not_the_server_s_silence(adapter: Adapter, opened: Opening) -> None:
    timeouts = Timeouts(between_events_s=0.2)
    with serving(HI[adapter] * 2 + END[adapter], cuts=[len(HI[adapter])]) as server:
        answer = Collected()
        async with aclosing(opened(server, timeouts=timeouts).stream(HELLO)) as events:
            async for event in events:
                answer.events.append(event)
                await asyncio.to_thread(server.body_sent.wait, AT_ONCE_S)
                await asyncio.sleep(0.3)

    assert answer.text == "HiHi"
    assert answer.finished


async def test_a_server_that_stays_open_behind_its_answer_is_not_waited_for(adapter: Adapter, opened: Opening) -> None:
    with serving(HI[adapter] + END[adapter], then="stall") as server:
        answer = await collect(opened(server).stream(HELLO))
        assert await has_gone(server)

    assert answer.finished


# --- closing ----------------------------------------------------------------


async def test_closing_after_a_delta_closes_upstream_at_once(adapter: Adapter, opened: Opening) -> None:
    with serving(HI[adapter], then="stall") as server:
        stream = opened(server).stream(HELLO)
        assert await anext(stream) == TextDelta("Hi")
        await stream.aclose()

        assert await has_gone(server, within_s=AT_ONCE_S)


@pytest.mark.parametrize("silent_from", ["the start", "a delta"])
async def test_cancelling_while_waiting_closes_upstream_at_once(
    adapter: Adapter, opened: Opening, silent_from: str
) -> None:
    with serving(b"" if silent_from == "the start" else HI[adapter], then="stall") as server:
        reading = asyncio.create_task(collect(opened(server).stream(HELLO)))
        await asyncio.to_thread(server.body_sent.wait, AT_ONCE_S)
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

        assert await has_gone(server, within_s=AT_ONCE_S)


async def test_cancelling_a_busy_reader_closes_upstream_at_once(adapter: Adapter, opened: Opening) -> None:
    with serving(HI[adapter], then="stall") as server:
        busy = asyncio.Event()

        async def read() -> None:
            async with aclosing(opened(server).stream(HELLO)) as events:
                async for _ in events:
                    busy.set()
                    await asyncio.sleep(60)

        reading = asyncio.create_task(read())
        await busy.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

        assert await has_gone(server, within_s=AT_ONCE_S)


async def test_cancelling_while_the_request_is_on_its_way_closes_it_at_once(adapter: Adapter, opened: Opening) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        gone.set()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        reading = asyncio.create_task(collect(opened(f"http://127.0.0.1:{port}/v1").stream(HELLO)))
        await asyncio.wait_for(asked.wait(), timeout=AT_ONCE_S)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

        await asyncio.wait_for(gone.wait(), timeout=AT_ONCE_S)


async def test_closing_the_provider_ends_what_runs(adapter: Adapter, opened: Opening) -> None:
    with serving(HI[adapter], then="stall") as server:
        provider = opened(server)
        stream = provider.stream(HELLO)
        await anext(stream)
        reading = asyncio.create_task(collect(stream))
        await asyncio.sleep(0)
        await provider.aclose()

        answer = await asyncio.wait_for(reading, timeout=AT_ONCE_S)
        assert await has_gone(server)

    assert type(answer.error) is Disconnected


async def test_a_closed_provider_can_be_used_again(adapter: Adapter, opened: Opening) -> None:
    with serving(HI[adapter] + END[adapter]) as server:
        provider = opened(server)
        await collect(provider.stream(HELLO))
        await provider.aclose()
        answer = await collect(provider.stream(HELLO))

    assert answer.finished


async def test_two_answers_at_once_do_not_mix(adapter: Adapter, opened: Opening) -> None:
    with serving(HI[adapter] * 20 + END[adapter]) as server:
        provider = opened(server)
        answers = await asyncio.gather(*(collect(provider.stream(HELLO)) for _ in range(5)))

    assert {answer.text for answer in answers} == {"Hi" * 20}


# --- importing --------------------------------------------------------------


def test_importing_an_adapter_imports_no_sdk(adapter: Adapter) -> None:
    script = f"import sys, json, {adapter.__module__}; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout

    assert not {"openai", "httpx2", "anthropic", "google.genai", "django"} & set(json.loads(loaded))


async def has_gone(server: Served, *, within_s: float = AT_ONCE_S) -> bool:
    return await asyncio.to_thread(server.client_gone.wait, within_s)
