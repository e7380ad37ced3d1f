"""A real loopback HTTP server that answers every request with the same bytes, cut and timed as a test asks."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass
class Served:
    """What `serving` gives: where it listens, what it was asked, and whether its client has gone.

    `go_on` lets it send what follows the first piece, where it `holds`.
    """

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    client_gone: threading.Event = field(default_factory=threading.Event)
    body_sent: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def serving(
    body: bytes = b"",
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    cuts: Sequence[int] = (),
    holds: bool = False,
    then: str = "end",
) -> Iterator[Served]:
    """Serve `body` to every request; `cuts` are the offsets at which the body is split into separate writes.

    `then` says what happens behind the last byte: `end` (a clean end of a chunked body), `close` (the connection closes
    without the final chunk), `reset` (RST), `stall` (nothing more comes until the client leaves).
    """
    served = Served()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    head = f"HTTP/1.1 {status} Status\r\ntransfer-encoding: chunked\r\nconnection: close\r\n"
    all_headers = {"content-type": "text/event-stream" if status == 200 else "application/json", **(headers or {})}
    head += "".join(f"{name}: {value}\r\n" for name, value in all_headers.items()) + "\r\n"
    edges = [0, *cuts, len(body)]
    pieces = [body[a:b] for a, b in pairwise(edges) if b > a]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            length = next((int(h[15:]) for h in request.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
            served.requests.append(request + await reader.readexactly(length))
            writer.write(head.encode())
            for piece in pieces:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(0)
                if holds:
                    await asyncio.to_thread(served.go_on.wait)
            served.body_sent.set()
            if then == "end":
                writer.write(b"0\r\n\r\n")
                await writer.drain()
            elif then == "stall":
                await reader.read()
                served.client_gone.set()
            elif then == "reset":
                writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            served.client_gone.set()
        finally:
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        async with server:
            await stopping.wait()
            # A server closed while asyncio accepts a connection loses that socket, so all tasks end before it does.
            while rest := asyncio.all_tasks() - {asyncio.current_task()}:
                _, late = await asyncio.wait(rest, timeout=0.02)
                for task in late:
                    task.cancel()
        await asyncio.sleep(0)  # a closed transport lets go of its socket in the next turn of the loop

    stopping = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield served
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(timeout=5)
        loop.close()
