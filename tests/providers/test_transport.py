"""Bytes that came before a connection broke are read, however late the reader is; compressed ones are read decoded.

What nobody wants yet is left to the kernel, and nothing of it is lost there.
"""

import asyncio
import fcntl
import gzip
import random
import struct
import termios
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace

import httpx2
import pytest

from providers.anthropic_messages import AnthropicMessages
from providers.contract import ChatRequest, Connection, Provider, Text, Turn
from providers.google_generate_content import GoogleGenerateContent
from providers.openai_chat import OpenAIChat
from providers.openai_responses import OpenAIResponses
from providers.transport import Body, Transport, pieces_of
from tests.providers.collected import Collected, collect
from tests.providers.recordings import Recording, recordings
from tests.seeds import drawn_seed
from tests.serving import Served, serving

HELLO = ChatRequest("a-model", (Turn("user", (Text("Hello"),)),))
ADAPTERS: dict[str, type[Provider]] = {
    "openai_chat": OpenAIChat,
    "openai_responses": OpenAIResponses,
    "anthropic": AnthropicMessages,
    "google": GoogleGenerateContent,
}


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_what_came_before_a_connection_broke_is_not_forgotten(then: str) -> None:
    transport, read = Transport(5), b""
    with serving(b"all that was sent", then=then) as served:
        answer = await transport.handle_async_request(httpx2.Request("GET", served.url))
        assert isinstance(answer.stream, Body)
        async with asyncio.timeout(10):
            while answer.stream._answer.content.exception() is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        with pytest.raises(httpx2.TransportError):
            async for piece in answer.stream:
                read += piece
        await transport.aclose()

    assert read == b"all that was sent"


@pytest.mark.parametrize(
    ("headers", "sent"),
    [({}, b"plain"), ({"content-encoding": "gzip"}, gzip.compress(b"plain", mtime=0))],
    ids=["plain", "compressed"],
)
async def test_an_answer_is_read_decoded(headers: dict[str, str], sent: bytes) -> None:
    async with httpx2.AsyncClient(transport=Transport(5)) as client:
        with serving(sent, headers=headers) as served:
            async with client.stream("GET", served.url) as answer:
                pieces, said = pieces_of(answer), b""
                while piece := await pieces.read():
                    said += piece

    assert said == b"plain"


# --- what is not wanted yet -----------------------------------------------------


@asynccontextmanager
async def answered(served: Served) -> AsyncIterator[Body]:
    transport = Transport(5)
    answer = await transport.handle_async_request(httpx2.Request("GET", served.url))
    assert isinstance(answer.stream, Body)
    yield answer.stream
    await transport.aclose()


def in_kernel(body: Body) -> int:
    """Bytes that its socket holds and nobody has read."""
    assert body._transport
    socket = body._transport.get_extra_info("socket")
    (count,) = struct.unpack("i", fcntl.ioctl(socket.fileno(), termios.FIONREAD, bytes(4)))
    return int(count)


@pytest.mark.parametrize("then", ["end", "close", "reset"])
async def test_what_is_not_wanted_yet_waits_in_the_kernel_and_is_read_then(then: str) -> None:
    with serving(b"first|all that was sent", cuts=(6,), holds=True, then=then) as served:
        async with answered(served) as body:
            read = await body.read()
            body.pause()
            served.go_on.set()
            async with asyncio.timeout(10):
                while not (served.body_sent.is_set() and in_kernel(body) > len("all that was sent")):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)

            assert body.at_hand() == b""
            body.resume()
            with nullcontext() if then == "end" else pytest.raises(httpx2.TransportError):
                while piece := await body.read():
                    read += piece

    assert read == b"first|all that was sent"


@pytest.mark.parametrize("recorded", [each for api in ADAPTERS for each in recordings(api)[:8]], ids=str)
async def test_an_answer_that_is_read_now_and_then_is_the_same(recorded: Recording) -> None:
    chance = random.Random(drawn_seed())
    adapter = ADAPTERS[recorded.name.partition("/")[0]]
    cuts = sorted(chance.sample(range(1, len(recorded.body)), 40))
    with serving(recorded.body, cuts=cuts) as served:
        provider = adapter(Connection("key", served.url))
        at_once = await collect(provider.stream(HELLO))
        now_and_then = await collect(provider.stream(replace(HELLO, wanted=lambda: perhaps_later(chance))))
        await provider.aclose()

    assert said_in(now_and_then) == said_in(at_once)


def perhaps_later(chance: random.Random) -> Awaitable[None] | None:
    return asyncio.sleep(chance.choice((0, 0.001, 0.01))) if chance.random() < 0.8 else None


def said_in(collected: Collected) -> tuple[object, ...]:
    """All but the ids that calls without one are given."""
    calls = [(call["name"], call["arguments"]) for call in collected.tool_calls]
    ending = collected.usage, collected.finished, str(collected.error)
    return collected.text, collected.reasoning, calls, collected.citations, *ending
