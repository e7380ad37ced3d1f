"""The site with a window: `GET {PROBE}` tells what its process holds. Only the soak serves it."""

import asyncio
import ctypes
import gc
import json
import os
import threading
import tracemalloc
from collections import Counter
from typing import Any
from urllib.parse import unquote

from chatsite.asgi import application as site
from conversations.generating.saving import RUNS
from conversations.streaming.hub import HUBS
from tests.soak import PROBE

TRACED_LINES = 15

before: tracemalloc.Snapshot | None = None


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http" or unquote(scope["path"]) != PROBE:
        return await site(scope, receive, send)
    body = json.dumps(grown() if scope["query_string"] else seen()).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    return await send({"type": "http.response.body", "body": body})


def seen() -> dict[str, Any]:
    """What lives in here, once garbage is collected and the allocator has given back what it only kept."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return {
        "pid": os.getpid(),
        "runs": len(RUNS),
        "hubs": len(list(HUBS)),
        "tasks": Counter(task.get_coro().__qualname__ for task in others),
        "threads": Counter(thread.name for thread in threading.enumerate()),
    }


def grown() -> dict[str, Any]:
    """Where to look for a leak. Only while nothing else goes on: `get_objects` breaks tuples that are being made."""
    return {"objects": Counter(type(thing).__qualname__ for thing in gc.get_objects()), "traced": traced()}


def traced() -> list[str]:
    """Which lines hold more than at the first look; nothing unless PYTHONTRACEMALLOC is set."""
    global before
    if not tracemalloc.is_tracing():
        return []
    now = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, tracemalloc.__file__)])
    if before is None:
        before = now
        return []
    return [str(line) for line in now.compare_to(before, "traceback")[:TRACED_LINES]]
