"""A TCP proxy that breaks connections as networks do: cuts, silence, delay, slowness, a 503 from in between.

    with start_proxy(server_port) as proxy:
        proxy.cut_next(500, how="reset", matching=b"GET /messages/")
        browser.goto(proxy.url)

`matching` chooses requests by what stands in their first bytes (line and headers); without it any request is meant.
Of other protocols than HTTP only the first bytes of a connection count as a request.
"""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.loop_thread import loop_in_thread

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
PIECE = 65_536
HTTP_REQUEST = re.compile(rb"[A-Z]+ \S+ HTTP/1")
How = Literal["reset", "close"]


@dataclass
class Rule:
    """What happens to the next `left` matching requests; None means all of them."""

    matching: bytes
    left: int | None
    cut_after: int = 0
    how: How = "close"
    answer: bytes | None = None

    def takes(self, request: bytes) -> bool:
        if self.left == 0 or self.matching not in request:
            return False
        if self.left is not None:
            self.left -= 1
        return True


@dataclass
class Proxy:
    """Its controls work at once and from any thread; those without `next` also on connections that are open already."""

    target_port: int
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)  # the first line of each
    open: "set[Passage]" = field(default_factory=set)
    rules: list[Rule] = field(default_factory=list)
    swallowing: bool = False
    delay_s: float = 0.0
    bytes_per_s: float | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut_next(self, after_bytes: int, *, how: How = "reset", times: int | None = 1, matching: bytes = b"") -> None:
        """Break the connection after so many bytes of the response, head included. `times=None`: every time."""
        self.rules.append(Rule(matching, times, cut_after=after_bytes, how=how))

    def answer_next(self, raw: bytes, *, times: int | None = 1, matching: bytes = b"") -> None:
        """Answer with these bytes instead of asking the server."""
        self.rules.append(Rule(matching, times, answer=raw))

    def forget_rules(self) -> None:
        self.rules.clear()

    def cut_open(self, *, how: How = "reset") -> int:
        """Break all connections that are open; returns how many."""
        passages = list(self.open)
        for passage in passages:
            passage.loop.call_soon_threadsafe(passage.break_off, how)
        return len(passages)

    def swallow(self) -> None:
        """From now on nothing gets through and nobody is told; connections open now or until `restore` stay dead."""
        self.swallowing = True
        for passage in list(self.open):
            passage.dead = True

    def restore(self) -> None:
        """New connections work again."""
        self.swallowing = False

    def slow_down(self, bytes_per_s: float | None) -> None:
        """Pass responses on at this rate, per connection, like a slow client; None lifts the limit."""
        self.bytes_per_s = bytes_per_s

    def delay(self, seconds: float) -> None:
        """Each piece of a response waits so long before it goes on."""
        self.delay_s = seconds

    def rule_for(self, request: bytes) -> Rule | None:
        return next((rule for rule in self.rules if rule.takes(request)), None)


class Passage:
    """One client's connection and its twin to the server."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._cut: tuple[int, How] | None = None  # bytes of the response still to pass, then how to end
        self._heard = False
        self.dead = proxy.swallowing
        self.broken = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    async def requests(self, reader: asyncio.StreamReader) -> None:
        """Client to server, looking for rules. A swallowed client may go without the server hearing of it."""
        while piece := await reader.read(PIECE):
            if self.dead:
                continue
            rule = self._rule_for(piece)
            if rule and rule.answer is not None:
                return await self._answer(rule.answer, reader)
            if rule:
                self._cut = (rule.cut_after, rule.how)
            self._server.write(piece)
            await self._server.drain()
        if self.dead:
            await asyncio.Event().wait()
        return None

    def _rule_for(self, piece: bytes) -> Rule | None:
        if self._heard and not HTTP_REQUEST.match(piece):
            return None
        self._heard = True
        self._proxy.requests.append(piece.partition(b"\r\n")[0])
        return self._proxy.rule_for(piece)

    async def _answer(self, answer: bytes, reader: asyncio.StreamReader) -> None:
        """Then read on for a moment: closing on unread bytes would reset the connection before the client has it."""
        self._client.write(answer)
        self._client.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while await reader.read(PIECE):
                    pass

    async def responses(self, reader: asyncio.StreamReader) -> None:
        """Server to client, cut, delayed and slowed as asked."""
        while piece := await reader.read(self._piece_size()):
            if self._proxy.delay_s:
                await asyncio.sleep(self._proxy.delay_s)
            if self.dead:
                continue
            if self._cut is not None:
                left, how = self._cut
                if len(piece) >= left:
                    self._client.write(piece[:left])
                    return self.break_off(how)
                self._cut = (left - len(piece), how)
            self._client.write(piece)
            await self._client.drain()
            if rate := self._proxy.bytes_per_s:
                await asyncio.sleep(len(piece) / rate)
        if self.dead:
            await asyncio.Event().wait()
        return None

    def _piece_size(self) -> int:
        rate = self._proxy.bytes_per_s
        return PIECE if rate is None else max(1, int(rate / 20))

    def break_off(self, how: How) -> None:
        """Leave the client with what it has; the server's side is closed by whoever waits for this passage."""
        if how == "reset":
            connection: socket.socket = self._client.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self._client.transport.abort()
        else:
            self._client.close()
        self.broken.set()


async def _pass(proxy: Proxy, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    """Until one side ends; then the other side ends too."""
    proxy.connections += 1
    try:
        server_reader, server = await _connect(proxy.target_port)
    except ConnectionError:
        client.close()
        return
    passage = Passage(proxy, client, server)
    proxy.open.add(passage)
    try:
        await _first_of(passage.requests(client_reader), passage.responses(server_reader), passage.broken.wait())
    finally:
        proxy.open.discard(passage)
        client.close()
        server.close()


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """With a small receive buffer: the server soon feels it when the client is slow."""
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
    try:
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    except OSError:
        connection.close()
        raise
    return await asyncio.open_connection(sock=connection, limit=PIECE)


async def _first_of(*coroutines: Coroutine[Any, Any, Any]) -> None:
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def proxying(target_port: int) -> AsyncIterator[Proxy]:
    """A proxy in the running loop. At the end its connections are reset, also those that were swallowed."""
    proxy = Proxy(target_port)
    server = await asyncio.start_server(lambda *streams: _pass(proxy, *streams), "127.0.0.1", 0, limit=PIECE)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut_open()


@contextlib.contextmanager
def start_proxy(target_port: int) -> Iterator[Proxy]:
    """A proxy to 127.0.0.1:`target_port`, in a thread with a loop of its own."""
    with loop_in_thread() as call:
        running = proxying(target_port)
        proxy = call(running.__aenter__())
        try:
            yield proxy
        finally:
            call(running.__aexit__(None, None, None))
