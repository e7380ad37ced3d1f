"""Clients that take nothing are let go.

uvicorn and granian make whoever sends wait until the client has taken what came before. That bounds memory, but who
never reads would hold a request for good, and a viewer its place among the readers of a run. Under Daphne nobody waits
in `send`; Twisted drops such connections by itself.
"""

import asyncio
from collections.abc import Mapping
from traceback import clear_frames
from typing import Any

from django.conf import settings

from chatsite.downloads import daphne_connection
from chatsite.lanes import Application, Receive, Scope, Send


class Deaf(Exception):
    """Nothing was taken for as long as a stream lives."""


def without_the_deaf(application: Application) -> Application:
    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        if daphne_connection(send):
            await application(scope, receive, send)
            return
        try:
            await application(scope, receive, in_time(send))
        except Deaf as error:
            # Django leaves the response's generators to be collected: not to wait for that, nothing may hold them.
            clear_frames(error.__traceback__)
            abort(send)

    return patient


def in_time(send: Send) -> Send:
    flow = getattr(getattr(send, "__self__", None), "flow", None)

    async def sending(message: Mapping[str, Any]) -> None:
        if flow is not None and not flow.write_paused:
            # uvicorn takes it at once: no need to watch the clock, which would cost as much as the sending.
            await send(message)
            return
        try:
            async with asyncio.timeout(settings.STREAM_LIFE_S):
                await send(message)
        except TimeoutError as error:
            raise Deaf from error

    return sending


def abort(send: Any) -> None:
    """Close the socket without waiting for what stands before it. granian's are out of reach."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
