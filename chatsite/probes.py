"""`/healthz` and `/readyz`: is the process alive, and shall it be sent requests?

They are answered before Django. A load balancer asks by address over plain http, which ALLOWED_HOSTS and the redirect
to https would refuse; and a probe must neither wait for a lane nor hold one.

Not ready are a process whose database does not answer and one that drains. A Redis or a broker that is down is only
named: answers are then followed by polling, work waits for its sweep, and taking every process out would make an outage
of it.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from time import monotonic

from django.conf import settings
from django.db import connection
from redis import Redis

from chatsite.celery import broker_answers
from chatsite.draining import DRAINING
from chatsite.lanes import Application, Receive, Scope, Send, single_thread

log = logging.getLogger(__name__)

PATIENCE_S = 1.0
# An answer is good for so long, so that nobody makes work by asking often.
KEPT_S = 1.0


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()
    return True


def layer_answers() -> bool:
    """What carries news between processes. In memory it is always there."""
    if settings.REDIS_URL:
        with Redis.from_url(settings.REDIS_URL, socket_connect_timeout=PATIENCE_S, socket_timeout=PATIENCE_S) as redis:
            redis.ping()
    return True


class Part:
    """Something the process needs, asked in a thread of its own. One question at a time, whoever wants to know; while
    it is stuck, everybody is told at once that there is no answer."""

    def __init__(self, name: str, answers: Callable[[], bool]) -> None:
        self.name = name
        self._answers = answers
        self._thread = single_thread(f"probe-{name}")
        self._question: asyncio.Future[bool] | None = None
        self._asked_s = self._ended_s = 0.0
        self._was_ok = True

    async def is_ok(self) -> bool:
        if self._question is None or (self._question.done() and monotonic() > self._ended_s + KEPT_S):
            self._asked_s = monotonic()
            self._question = asyncio.ensure_future(self._ask())
        question = self._question
        await asyncio.wait([question], timeout=max(0.0, self._asked_s + PATIENCE_S - monotonic()))
        ok = question.done() and question.result()
        if ok != self._was_ok:
            log.warning("the %s %s", self.name, "answers again" if ok else "does not answer")
        self._was_ok = ok
        return ok

    async def _ask(self) -> bool:
        """Whatever is raised is no answer."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._answers)
        except Exception as error:
            log.info("the %s: %s", self.name, type(error).__name__)
            return False
        finally:
            self._ended_s = monotonic()


DATABASE = Part("database", database_answers)
LAYER = Part("layer", layer_answers)
BROKER = Part("broker", broker_answers)


def probed(application: Application) -> Application:
    """The ASGI application with the two probes in front of it."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path == "/healthz":
            await answer(scope, send, 200, b"text/plain", "ok\n")
        elif path == "/readyz":
            state = await readiness()
            status = 503 if state["status"] == "not ready" else 200
            await answer(scope, send, status, b"application/json", f"{json.dumps(state)}\n")
        else:
            await application(scope, receive, send)

    return answering


async def readiness() -> Mapping[str, str | bool]:
    parts = (DATABASE, LAYER, BROKER)
    ok = dict(zip(parts, await asyncio.gather(*(part.is_ok() for part in parts)), strict=True))
    draining = DRAINING.began.is_set()
    status = "ready" if all(ok.values()) else "degraded"
    if draining or not ok[DATABASE]:
        status = "not ready"
    return {"status": status, **{part.name: "ok" if ok[part] else "down" for part in parts}, "draining": draining}


async def answer(scope: Scope, send: Send, status: int, content_type: bytes, text: str) -> None:
    body = text.encode()
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
