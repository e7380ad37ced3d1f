"""One person who is signed in: posts a question, loads the page it leads to, follows the answer to its end."""

import re
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from time import time
from urllib.parse import urlencode

from tests.bench.wire import Arrivals, Connection, connect
from tests.servers import SESSION

CSRF = "c" * 32
COOKIES = f"Cookie: sessionid={SESSION('alice')}; csrftoken={CSRF}"
LOCATION = re.compile(rb"\r\nlocation: *(\S+)", re.IGNORECASE)
STREAM = re.compile(rb'sse-connect="([^"]+)"')


class Refused(Exception):
    """The site did not answer as it should have."""


@dataclass
class Visit:
    """What happened when, on the wall clock. `failure` says why there is no answer."""

    question: str
    asked_at: float = 0.0
    posted_at: float = 0.0
    loaded_at: float = 0.0
    arrivals: Arrivals = field(default_factory=list)
    ended_at: float = 0.0
    failure: str = ""


async def visit(port: int, model: str, seen: Visit) -> None:
    """The connection is there before the clock starts, as in a browser that shows the composer."""
    try:
        connection = await connect(port)
        with closing(connection.transport):
            await ask_and_follow(connection, port, f"openai:{model}", seen)
    except (Refused, OSError) as error:
        seen.failure = f"{type(error).__name__}: {error}"
    seen.ended_at = time()


async def ask_and_follow(connection: Connection, port: int, model: str, seen: Visit) -> None:
    seen.asked_at = time()
    page = await posted(connection, port, model, seen.question)
    seen.posted_at = time()
    stream = await loaded(connection, port, page)
    seen.loaded_at = time()
    await connection.follow(get(port, stream, "Accept: text/event-stream"), seen.arrivals)
    if b"event: done" not in b"".join(data for _, data in seen.arrivals):
        raise Refused("the stream ended without done")


async def posted(connection: Connection, port: int, model: str, question: str) -> str:
    """Where the new conversation is."""
    form = urlencode({"text": question, "model": model, "client_key": uuid.uuid4(), "csrfmiddlewaretoken": CSRF})
    head = request_head(
        "POST / HTTP/1.1", port, "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form)}"
    )
    response = await connection.ask(head + form.encode())
    location = LOCATION.search(response.head)
    if response.status != 302 or location is None:
        raise Refused(f"POST {response.status}")
    return location[1].decode()


async def loaded(connection: Connection, port: int, page: str) -> str:
    """Where the page listens."""
    response = await connection.ask(get(port, page))
    stream = STREAM.search(response.body)
    if response.status != 200 or stream is None:
        raise Refused(f"GET {response.status}, {'listens' if stream else 'does not listen'}")
    return stream[1].decode()


def get(port: int, path: str, *headers: str) -> bytes:
    return request_head(f"GET {path} HTTP/1.1", port, *headers)


def request_head(line: str, port: int, *headers: str) -> bytes:
    host = f"127.0.0.1:{port}"
    return "\r\n".join([line, f"Host: {host}", COOKIES, f"Referer: http://{host}/", *headers, "", ""]).encode()
