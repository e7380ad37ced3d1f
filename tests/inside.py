"""The application with a window into its process, for tests that ask for it: `tests.inside:application`."""

import gc
import json
import time
from collections import Counter

from chatsite.asgi import application as site
from chatsite.breaking_off import cut_off
from chatsite.lanes import Receive, Scope, Send
from conversations.streaming.hub import HUBS


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    match scope.get("path"):
        case "/inside/readers":
            await answer(send, str(sum(hub.readers for hub in HUBS)))
        case "/inside/block":
            # As a bug would: nothing else happens in this process meanwhile.
            time.sleep(float(scope["query_string"]))  # noqa: ASYNC251
            await answer(send, "blocked")
        case "/inside/broken":
            await cut_off(failing)(scope, receive, send)
        case "/inside/requests":
            # As Daphne keeps them.
            await answer(send, str(sum(type(thing).__name__ == "WebRequest" for thing in gc.get_objects())))
        case "/inside/collected":
            gc.collect()
            gc.disable()
            await answer(send, "from now on everything stays that nothing else frees")
        case "/inside/garbage":
            await answer(send, json.dumps(Counter(type(thing).__name__ for thing in garbage())))
        case _:
            await site(scope, receive, send)


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    """Before it has said a word, or after some, as the query wants it."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if scope["query_string"] == b"late":
        await send({"type": "http.response.body", "body": b"Some words", "more_body": True})
    raise ValueError("no more")


async def answer(send: Send, text: str) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text.encode()})


def garbage() -> list[object]:
    """What has waited for the collector, which works by itself again."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    found = list(gc.garbage)
    gc.garbage.clear()
    gc.enable()
    return found
