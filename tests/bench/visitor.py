"""One person who is signed in: posts a question as the page does, and follows the answer to its end."""

import itertools
import re
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from time import time
from urllib.parse import urlencode

from tests.bench.wire import Arrivals, Connection, connect
from tests.servers import SESSION

CSRF = "c" * 32
COOKIES = f"Cookie: sessionid={SESSION('alice')}; csrftoken={CSRF}"
STREAM = re.compile(rb'sse-connect="([^"]+)"')


visitors = itertools.count()


class Refused(Exception):
    """The site did not answer as it should have."""


@dataclass
class Visit:
    """What happened when, on the wall clock. `failure` says why there is no answer."""

    question: str
    asked_at: float = 0.0
    posted_at: float = 0.0
    arrivals: Arrivals = field(default_factory=list)
    ended_at: float = 0.0
    failure: str = ""


async def visit(ports: Sequence[int], model: str, seen: Visit) -> None:
    """The connection is there before the clock starts, as in a browser that shows the composer.

    Asks one process of the site and follows the answer at the next, which is the same one where there is only one.
    """
    asked, *others = turned(ports, by=next(visitors))
    try:
        connection = await connect(asked)
        with closing(connection.transport):
            await ask_and_follow(connection, asked, f"openai:{model}", seen, follow_at=others[0] if others else asked)
    except (Refused, OSError) as error:
        seen.failure = f"{type(error).__name__}: {error}"
    seen.ended_at = time()


def turned(ports: Sequence[int], by: int) -> Sequence[int]:
    """Each visitor begins at another one."""
    first = by % len(ports)
    return [*ports[first:], *ports[:first]]


async def ask_and_follow(connection: Connection, port: int, model: str, seen: Visit, follow_at: int) -> None:
    seen.asked_at = time()
    stream = await posted(connection, port, model, seen.question)
    seen.posted_at = time()
    following = connection if follow_at == port else await connect(follow_at)
    with closing(following.transport):
        await following.follow(get(follow_at, stream, "Accept: text/event-stream"), seen.arrivals)
    if b"event: done" not in b"".join(data for _, data in seen.arrivals):
        raise Refused("the stream ended without done")


async def posted(connection: Connection, port: int, model: str, question: str) -> str:
    """Where the answer is to be listened to."""
    form = urlencode({"text": question, "model": model, "client_key": uuid.uuid4(), "csrfmiddlewaretoken": CSRF})
    head = request_head(
        "POST / HTTP/1.1",
        port,
        "HX-Request: true",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(form)}",
    )
    response = await connection.ask(head + form.encode())
    stream = STREAM.search(response.body)
    if response.status != 200 or stream is None:
        raise Refused(f"POST {response.status}, {'listens' if stream else 'does not listen'}")
    return stream[1].decode()


def get(port: int, path: str, *headers: str) -> bytes:
    return request_head(f"GET {path} HTTP/1.1", port, *headers)


def request_head(line: str, port: int, *headers: str) -> bytes:
    host = f"127.0.0.1:{port}"
    return "\r\n".join([line, f"Host: {host}", COOKIES, f"Referer: http://{host}/", *headers, "", ""]).encode()
