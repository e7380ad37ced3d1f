"""Large files at the pace of whoever takes them.

Daphne passes on whatever it is given: a file that is sent faster than its reader takes it would stand in memory. So
for downloads the sender waits while Twisted says that the connection is full. Other servers make it wait by themselves.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from chatsite.lanes import Application, Receive, Scope, Send


class Brake:
    """What Twisted calls when a connection is full, free again, or gone (its IPushProducer)."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()

    def pauseProducing(self) -> None:  # noqa: N802
        self.free.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self.free.set()

    def stopProducing(self) -> None:  # noqa: N802
        self.free.set()


def unhurried(application: Application) -> Application:
    """The ASGI application whose downloads (paths that end so) wait for their readers. Wrap it last of all."""

    async def paced(scope: Scope, receive: Receive, send: Send) -> None:
        connection = daphne_connection(send) if scope["path"].endswith("/download") else None
        await application(scope, receive, braked(connection, send) if connection else send)

    return paced


def daphne_connection(send: Any) -> Any:
    """The Twisted request that Daphne's `send` belongs to; None under other servers."""
    first = next(iter(getattr(send, "args", ())), None)
    return first if hasattr(first, "registerProducer") else None


def braked(connection: Any, send: Send) -> Send:
    brake = Brake()
    connection.registerProducer(brake, True)

    async def waiting(message: Mapping[str, Any]) -> None:
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if last and connection.producer is brake:
            connection.unregisterProducer()
        await send(message)
        await brake.free.wait()

    return waiting
