"""Bytes that came before a connection broke are read, however late the reader is; compressed ones are read decoded."""

import asyncio
import gzip

import httpx2
import pytest

from providers.transport import Body, Transport, pieces_of
from tests.serving import serving


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
