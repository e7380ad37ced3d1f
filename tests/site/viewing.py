"""A viewer of a stream without a browser: a raw socket, so that hundreds are cheap and every byte is seen.

`View` is one connection; `follow` comes back with its last event id until `done`, as an EventSource does.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from tests.servers import PATIENCE_S, SESSION
from tests.streaming.page import Page

# For packets as small as these the kernel keeps 20 KB for a client, instead of 2 MB: the rest is the server's to keep.
SMALLEST_BUFFER, SMALLEST_PACKET = 2048, 88


@dataclass(frozen=True)
class Event:
    """One event as it came. `name` is empty for a block without one, as the `retry:` line is."""

    raw: bytes

    @property
    def name(self) -> str:
        return self._field("event")

    @property
    def id(self) -> str:
        return self._field("id")

    @property
    def data(self) -> str:
        return "\n".join(line[6:] for line in self._lines() if line.startswith("data: "))

    def _field(self, name: str) -> str:
        return next((line[len(name) + 2 :] for line in self._lines() if line.startswith(f"{name}: ")), "")

    def _lines(self) -> list[str]:
        return self.raw.decode().split("\n")


@dataclass
class View:
    """One connection to a stream. Iterating gives its events up to the end of the connection, however it ends."""

    reader: asyncio.StreamReader
    status: int
    headers: dict[str, str]
    head_bytes: int = 0
    wire_bytes: int = 0  # of the body, chunk sizes included
    held: bytes = b""

    async def __aiter__(self) -> AsyncIterator[Event]:
        while event := await self.event():
            yield event

    async def event(self) -> Event | None:
        """The next event that has a name; None at the end of the connection. What is cut in two is no event."""
        while True:
            block, end, rest = self.held.partition(b"\n\n")
            if not end:
                async with asyncio.timeout(PATIENCE_S):
                    piece = await self._piece()
                if not piece:
                    return None
                self.held += piece
                continue
            self.held = rest
            event = Event(block + end)
            if event.name:
                return event

    async def until_any(self) -> Event:
        event = await self.event()
        assert event, "the stream ended"
        return event

    async def until(self, name: str) -> Event:
        """The next event called `name`."""
        async for event in self:
            if event.name == name:
                return event
        raise AssertionError(f"the stream ended without {name}")

    async def _piece(self) -> bytes:
        """What has come of the next chunk; empty at the end, clean or not."""
        try:
            size_line = await self.reader.readline()
            size = int(size_line, 16)
            piece = await self.reader.readexactly(size + 2)
        except asyncio.IncompleteReadError as cut:
            return cut.partial
        except (ConnectionError, ValueError):
            return b""
        self.wire_bytes += len(size_line) + len(piece)
        return piece[:size]


@asynccontextmanager
async def viewing(port: int, message_id: UUID, *, name: str = "alice", last_event_id: str = "") -> AsyncIterator[View]:
    """Connect to a message's stream as `name` (nobody when empty). A cut inside the head raises ConnectionError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request(message_id, name, last_event_id))
        async with asyncio.timeout(PATIENCE_S):
            view = await head_of(reader)
        yield view
    finally:
        writer.close()


def request(message_id: UUID, name: str, last_event_id: str) -> bytes:
    lines = [f"GET /messages/{message_id}/stream HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
    if name:
        lines.append(f"Cookie: sessionid={SESSION(name)}; csrftoken={'c' * 32}")
    if last_event_id:
        lines.append(f"Last-Event-ID: {last_event_id}")
    return "\r\n".join([*lines, "", ""]).encode()


def deaf_viewer(port: int, message_id: UUID) -> socket.socket:
    """A connection of alice that has asked for a stream and reads nothing of it by itself."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST_BUFFER)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALLEST_PACKET)
    connection.connect(("127.0.0.1", port))
    connection.sendall(request(message_id, "alice", ""))
    connection.setblocking(False)
    return connection


async def head_of(reader: asyncio.StreamReader) -> View:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as cut:
        raise ConnectionError("cut inside the head") from cut
    status_line, *lines = head.decode().split("\r\n")[:-2]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return View(reader, int(status_line.split()[1]), headers, len(head))


@dataclass
class Followed:
    """What a page went through until `done`: the page as it was just before, `done` itself, and all connections."""

    page: Page
    done: list[Event] = field(default_factory=list)
    connections: int = 0

    @property
    def final(self) -> str:
        """The HTML of the one `done`."""
        (done,) = self.done
        return done.data


async def follow(port: int, message_id: UUID, *, name: str = "alice") -> Followed:
    """Watch an answer to its end, coming back at once whenever the connection ends before `done`."""
    followed = Followed(Page(str(message_id)))
    while not followed.done:
        followed.connections += 1
        await follow_once(port, message_id, followed, name)
    return followed


async def follow_once(port: int, message_id: UUID, followed: Followed, name: str = "alice") -> None:
    """One connection of `followed`, to its end."""
    page = followed.page
    try:
        async with viewing(port, message_id, name=name, last_event_id=page.last_event_id) as view:
            assert view.status == 200, view.status
            async for event in view:
                page.receive(event.raw)
                if event.name == "done":
                    followed.done.append(event)
    except ConnectionError:
        pass
