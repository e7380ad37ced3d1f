"""Lanes: a fixed set of single threads on which all database work of a process is done.

Without them Django pins one thread, and with it one database connection, per open stream (DESIGN section 4).
"""

import asyncio
import contextvars
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from channels.db import database_sync_to_async
from django.conf import settings

log = logging.getLogger(__name__)

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[Mapping[str, Any]]]
type Send = Callable[[Mapping[str, Any]], Awaitable[None]]
type Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def single_thread(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)


# How long a thread may keep the interpreter while another one waits. The event loop lets go of it with every read and
# write, and would get it back 5 ms later, Python's default, for as long as a page is made in a lane.
sys.setswitchinterval(0.001)

REQUEST_LANES = cycle([single_thread(f"lane-{number}") for number in range(settings.LANES)])
# All runs of this process share one lane: their checkpoints share one transaction.
RUN_LANE = single_thread("runs")

# Database work between the loop's steps, in the lane of whoever asks: with a connection that works, and is given back.
in_database = database_sync_to_async

_running: set[asyncio.Task[None]] = set()


def in_lanes(application: Application) -> Application:
    """The ASGI application with each request in the next lane, round robin."""

    async def laned(scope: Scope, receive: Receive, send: Send) -> None:
        async with ThreadSensitiveContext(executor=next(REQUEST_LANES)):
            await application(scope, receive, send)

    return laned


def start_task(work: Coroutine[Any, Any, object]) -> asyncio.Task[None]:
    """Run `work` beyond the request that starts it: clean context, the runs' lane, a strong reference.

    A plain `create_task` would inherit the request's lane and keep its thread and connection for good.
    """

    async def on_run_lane() -> None:
        async with ThreadSensitiveContext(executor=RUN_LANE):
            await work

    context = contextvars.Context()
    task = asyncio.get_running_loop().create_task(on_run_lane(), context=context)
    _running.add(task)
    task.add_done_callback(ended, context=context)
    return task


class OneTask:
    """Work of which there is one task at most: begun when it is needed, it may end when there is nothing to do."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def ensure(self) -> bool:
        """Begin it if it is not under way; whether that was so."""
        idle = self._task is None or self._task.done()
        if idle:
            self._task = start_task(self._work())
        return idle


def ended(task: asyncio.Task[None]) -> None:
    """Nobody waits for these tasks: what one fails of is logged here, in its own context."""
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()):
        log.error("a task failed", exc_info=error)
