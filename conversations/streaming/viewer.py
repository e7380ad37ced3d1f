"""One viewer of one answer: a cursor that is led through the hub's versions until the answer is final."""

import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from time import monotonic

from django.conf import settings

from chatsite.draining import DRAINING
from conversations.streaming.cursor import parse_cursor
from conversations.streaming.frames import delta_frame, frame, position_at, reset_frame
from conversations.streaming.hub import HUBS, Hub

HEARTBEAT = frame("hb", "1")
# After a close that was planned there is nothing to wait for.
COME_BACK_SOON = b"retry: 100\n\n"


async def watch(hub: Hub, last_event_id: str, final: Callable[[], Awaitable[str]]) -> AsyncGenerator[bytes]:
    """Yield SSE events until the answer is final, the viewer's time or budget is used up, or it leaves.

    `final` renders the finished message; it is asked once, after the run is stored.
    """
    yield retry_line()
    hub.join()
    try:
        async for event in follow(hub, last_event_id):
            yield event
        if hub.ended:
            yield frame("done", await final(), f"{hub.generation_id}.end")
        elif not DRAINING.closing:
            yield COME_BACK_SOON
    finally:
        hub.leave()


async def follow(hub: Hub, last_event_id: str) -> AsyncGenerator[bytes]:
    """Frames up to the end of the run; returns earlier when the viewer's time is up: the browser comes back.

    It also returns when the viewer has been sent its budget. Daphne takes whatever it is given, so a client that does
    not read holds that much of the server's memory, and what brought it up to date; Twisted drops it a minute later.
    """
    until, budget = monotonic() + settings.STREAM_LIFE_S, settings.STREAM_BYTES
    held = position_at(hub, parse_cursor(last_event_id))
    event, held = delta_frame(hub, held) if held else reset_frame(hub)
    yield event
    said_at = monotonic()
    while not (hub.ended or hub.closed) and monotonic() < until and budget > 0:
        await hub.changed(held.version, said_at + settings.HEARTBEAT_S - monotonic())
        if hub.ended:
            break
        event, held = delta_frame(hub, held)
        # Versions that show nothing new keep no connection alive.
        if not event and monotonic() >= said_at + settings.HEARTBEAT_S:
            event = HEARTBEAT
        if event:
            budget -= len(event)
            said_at = monotonic()
            yield event


def close_streams() -> None:
    """The process ends: whoever watches comes back, to another one or to the next."""
    for hub in HUBS:
        hub.close()


def retry_line() -> bytes:
    """How long the browser waits before it comes back: spread out, so that a restart is not followed by a storm."""
    return f"retry: {random.randint(1000, 3000)}\n\n".encode()


async def only_final(html: str) -> AsyncGenerator[bytes]:
    """The stream of an answer that is not running: nothing but its final form."""
    yield retry_line()
    yield frame("done", html, "end")
