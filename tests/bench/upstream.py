"""The same answers without the site: what they cost at least."""

import json
from collections.abc import Sequence
from contextlib import closing
from time import time

from tests.bench.visitor import Visit
from tests.bench.wire import connect


async def listen(ports: Sequence[int], model: str, seen: Visit) -> None:
    """Ask the simulator's OpenAI API at the first of `ports`, or what passes it on there."""
    port = ports[0]
    body = json.dumps({"model": model, "input": seen.question, "stream": True}).encode()
    head = f"POST /v1/responses HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    try:
        connection = await connect(port)
        with closing(connection.transport):
            seen.asked_at = time()
            await connection.follow(head + body, seen.arrivals)
    except OSError as error:
        seen.failure = f"{type(error).__name__}: {error}"
    seen.ended_at = time()
