"""One keep-alive HTTP/1.1 connection. Of an event stream it only notes what came when; reading is for later."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
LAST_CHUNK = b"0\r\n\r\n"
PATIENCE_S = 60


type Arrivals = list[tuple[float, bytes]]


@dataclass(frozen=True)
class Response:
    status: int
    head: bytes
    body: bytes


class Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self) -> None:
        self._asked: asyncio.Future[None] | None = None
        self._arrivals: Arrivals = []
        self._is_ended: Callable[[Arrivals], bool] = is_whole

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._arrivals.append((time.time(), data))
        if self._is_ended(self._arrivals):
            self._answered()

    def connection_lost(self, error: Exception | None) -> None:
        if self._asked and not self._asked.done():
            self._asked.set_exception(ConnectionError("closed in the middle of an answer"))

    def _answered(self) -> None:
        if self._asked and not self._asked.done():
            self._asked.set_result(None)

    async def ask(self, request: bytes) -> Response:
        """An answer of known length."""
        arrivals: Arrivals = []
        await self._exchange(request, arrivals, is_whole)
        head, _, body = b"".join(data for _, data in arrivals).partition(b"\r\n\r\n")
        return Response(int(head[9:12]), head, body)

    async def follow(self, request: bytes, arrivals: Arrivals) -> None:
        """A chunked stream, to its end; `arrivals` tells all the time what has come when."""
        await self._exchange(request, arrivals, is_last_chunk)
        if not is_fine(arrivals):
            raise ConnectionError(arrivals[0][1][:200].decode("latin-1"))

    async def _exchange(self, request: bytes, arrivals: Arrivals, is_ended: Callable[[Arrivals], bool]) -> None:
        self._arrivals = arrivals
        self._is_ended = is_ended
        self._asked = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        async with asyncio.timeout(PATIENCE_S):
            await self._asked


def is_whole(arrivals: Arrivals) -> bool:
    head, blank, body = b"".join(data for _, data in arrivals).partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    return bool(blank) and len(body) >= (int(length[1]) if length else 0)


def is_last_chunk(arrivals: Arrivals) -> bool:
    return arrivals[-1][1].endswith(LAST_CHUNK) or not is_fine(arrivals)


def is_fine(arrivals: Arrivals) -> bool:
    return arrivals[0][1].startswith(b"HTTP/1.1 200")


async def connect(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection
