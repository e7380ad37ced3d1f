"""Lanes: a fixed set of single threads on which all database work of a process is done.

Without them Django pins one thread, and with it one database connection, per open stream (DESIGN section 4).
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.conf import settings

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[Mapping[str, Any]]]
type Send = Callable[[Mapping[str, Any]], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def single_thread(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)


REQUEST_LANES = cycle([single_thread(f"lane-{number}") for number in range(settings.LANES)])
# All runs of this process share one lane: their checkpoints share one transaction.
RUN_LANE = single_thread("runs")

_running: set[asyncio.Task[None]] = set()


def in_lanes(application: Application) -> Application:
    """The ASGI application with each request in the next lane, round robin."""

    async def laned(scope: Scope, receive: Receive, send: Send) -> None:
        async with ThreadSensitiveContext(executor=next(REQUEST_LANES)):
            await application(scope, receive, send)

    return laned


def start_task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Run `work` beyond the request that starts it: clean context, the runs' lane, a strong reference.

    A plain `create_task` would inherit the request's lane and keep its thread and connection for good.
    """

    async def on_run_lane() -> None:
        async with ThreadSensitiveContext(executor=RUN_LANE):
            await work

    task = asyncio.get_running_loop().create_task(on_run_lane(), context=contextvars.Context())
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task
