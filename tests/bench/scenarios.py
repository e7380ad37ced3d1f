"""The runs: so many streams at once, and one person again and again."""

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from time import time

from tests.bench.figures import Run, of_server, of_visits
from tests.bench.server import Reading, Server
from tests.bench.visitor import Visit
from tests.bench.words import text_of
from tests.simulator.client import SimulatorClient
from tests.simulator.records import Seen

LONG, SHORT = "bench-long", "bench-short"
LONG_TOKENS, SHORT_TOKENS = 400, 40
TOKENS_PER_S = 50
START_WITHIN_S = 1.0
SETTLES_S = 0.5
IDLE_S = 1.5
# How long a real model takes to its first token, when it is quick.
THINKS_S = 0.3

type Listen = Callable[[str, Visit], Awaitable[None]]


async def many(
    name: str,
    listen: Listen,
    count: int,
    simulator: SimulatorClient,
    server: Server | None,
    thinks_s: float = 0.0,
    within_s: float = START_WITHIN_S,
    tokens: int = LONG_TOKENS,
) -> Run:
    """`count` answers of `tokens` at 50 tokens/s, begun `within_s`; the model `thinks_s` before each."""
    await asyncio.to_thread(script, simulator, LONG, count, tokens, thinks_s)
    visits = [Visit(question(number)) for number in range(count)]
    reading = asyncio.create_task(readings(server, visits, tokens / TOKENS_PER_S)) if server else None
    starts = [IDLE_S + within_s * number / count for number in range(count)]
    await asyncio.gather(*(later(listen, visit, wait_s) for visit, wait_s in zip(visits, starts, strict=True)))
    seen = await asyncio.to_thread(seen_by_question, simulator)
    run = of_visits(name, visits, seen, tokens, thinks_s)
    if reading:
        of_server(run, await reading, count * TOKENS_PER_S, visits, seen)
    return run


async def one_by_one(name: str, listen: Listen, count: int, simulator: SimulatorClient, thinks_s: float = 0.0) -> Run:
    """Short answers, each asked for when the one before is done: what one person waits for."""
    await asyncio.to_thread(script, simulator, SHORT, count, SHORT_TOKENS, thinks_s)
    visits = [Visit(question(number)) for number in range(count)]
    for visit in visits:
        await listen(SHORT, visit)
        await asyncio.sleep(0.1)
    run = of_visits(name, visits, await asyncio.to_thread(seen_by_question, simulator), SHORT_TOKENS, thinks_s)
    run.streams = 1
    return run


async def later(listen: Listen, visit: Visit, wait_s: float) -> None:
    await asyncio.sleep(wait_s)
    await listen(LONG, visit)


async def readings(server: Server, visits: list[Visit], takes_s: float) -> list[Reading]:
    """The server idle, at the first post, from when all answers stream until the first one ends, after the last end."""
    found = [server.read()]
    await asyncio.sleep(IDLE_S)
    found.append(server.read())
    await until(lambda: all(visit.arrivals or visit.ended_at for visit in visits))
    await asyncio.sleep(SETTLES_S)
    found.append(server.read())
    server.tell_profiler(signal.SIGUSR1)
    await until(lambda: any(visit.ended_at for visit in visits) or first_is_nearly_over(visits, takes_s))
    server.tell_profiler(signal.SIGUSR2)
    found.append(server.read())
    await until(lambda: all(visit.ended_at for visit in visits))
    return [*found, server.read()]


def first_is_nearly_over(visits: list[Visit], takes_s: float) -> bool:
    return time() > min(visit.asked_at for visit in visits) + takes_s - SETTLES_S


async def until(fact: Callable[[], bool]) -> None:
    while not fact():  # noqa: ASYNC110
        await asyncio.sleep(0.05)


def script(simulator: SimulatorClient, model: str, count: int, tokens: int, thinks_s: float) -> None:
    """A text of its own for each of the next `count` requests."""
    simulator.forget_requests()
    pace = {"tokens_per_s": TOKENS_PER_S, "first_token_delay_s": thinks_s}
    simulator.script(model, queue=tuple({"text": text_of(number, tokens), **pace} for number in range(count)))


def question(number: int) -> str:
    return f"What is the answer to question {number:03}?"


def seen_by_question(simulator: SimulatorClient) -> dict[str, Seen]:
    """What the provider was asked, by the question that was in it."""
    asked = re.compile(re.escape(question(0)).replace("000", r"\d{3}"))
    seen = ((asked.search(str(request.body)), request) for request in simulator.requests())
    return {found[0]: request for found, request in seen if found}
