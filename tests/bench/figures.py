"""From what was sent when, what arrived when and what the server used to the figures of one run. Pure."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.server import Reading
from tests.bench.visitor import Visit
from tests.bench.words import FIRST_TOKEN, last_word_in, text_in, word_ends
from tests.simulator.records import Seen

SHORTEST_STEADY_S = 1.0
MONOTONIC_TO_WALL = time.time() - time.monotonic()


@dataclass(frozen=True)
class Spread:
    """Milliseconds."""

    p50: float
    p99: float


@dataclass
class Run:
    """One run. Only one that had a server to look at has its CPU (ms per 1,000 tokens), memory and threads.

    `cpu_ms` is all there was; `steady_cpu_ms` is while all streams run: no posts, pages and ends of answers. So are
    `delay_ms`, from the provider's first token on, and `steady_delay_ms`.
    `thinks_s` is what the model took to its first token; nothing that is said to be added contains it.
    """

    name: str
    streams: int
    thinks_s: float
    tokens: int
    failures: list[str]
    first_token_ms: Spread | None
    delay_ms: Spread | None
    bytes_per_token: float
    steps_ms: dict[str, Spread | None]
    cpu_ms: float | None = None
    steady_cpu_ms: float | None = None
    steady_delay_ms: Spread | None = None
    kb_per_stream: float | None = None
    readings: list[Reading] = field(default_factory=list)


def of_visits(name: str, visits: Sequence[Visit], seen: Mapping[str, Seen], tokens: int, thinks_s: float = 0.0) -> Run:
    fine = [(visit, seen[visit.question]) for visit in visits if not visit.failure]
    received = sum(len(data) for visit, _ in fine for _, data in visit.arrivals)
    return Run(
        name=name,
        streams=len(visits),
        thinks_s=thinks_s,
        tokens=len(fine) * tokens,
        failures=[visit.failure for visit in visits if visit.failure],
        first_token_ms=spread(added_first_token_s(*each) for each in fine),
        delay_ms=spread(delay for each in fine for delay in added_delays_s(*each, tokens)),
        bytes_per_token=received / max(1, len(fine) * tokens),
        steps_ms=steps(fine),
    )


def of_server(
    run: Run, readings: list[Reading], tokens_per_s: float, visits: Sequence[Visit], seen: Mapping[str, Seen]
) -> None:
    """`readings`: idle, at the first post, from and to when all streams run, after the last end."""
    idle, first, steady, steady_end, last = readings
    burn = first.cpu_since(idle)
    run.readings = readings
    run.cpu_ms = (last.cpu_since(first) - burn) * (last.at_s - first.at_s) * 1e6 / max(1, run.tokens)
    if steady_end.at_s - steady.at_s > SHORTEST_STEADY_S:
        run.steady_cpu_ms = (steady_end.cpu_since(steady) - burn) * 1e6 / tokens_per_s
        between = steady.at_s + MONOTONIC_TO_WALL, steady_end.at_s + MONOTONIC_TO_WALL
        fine = [(visit, seen[visit.question]) for visit in visits if not visit.failure]
        tokens = run.tokens // max(1, len(fine))
        run.steady_delay_ms = spread(delay for each in fine for delay in added_delays_s(*each, tokens, between))
    run.kb_per_stream = (steady_end.memory_mb - first.memory_mb) * 1000 / run.streams


def spread(values_s: Iterable[float]) -> Spread | None:
    """None without values."""
    ordered = sorted(values_s)
    if not ordered:
        return None
    return Spread(*(ordered[int((len(ordered) - 1) * share)] * 1000 for share in (0.5, 0.99)))


def added_first_token_s(visit: Visit, seen: Seen) -> float:
    """From the click to the first text, less what the provider took from our request to its first token."""
    return first_text_at(visit) - visit.asked_at - (seen.log[0][0] - seen.arrived_at - MONOTONIC_TO_WALL)


def first_text_at(visit: Visit) -> float:
    return next((at for at, data in visit.arrivals if FIRST_TOKEN in data), visit.ended_at)


def added_delays_s(visit: Visit, seen: Seen, tokens: int, between: tuple[float, float] = (0, math.inf)) -> list[float]:
    """For each numbered word sent between these times: from when its last letter was sent to when it arrived."""
    ends = word_ends(tokens)
    sent = iter(seen.log)
    sent_at, chars = next(sent)
    delays: list[float] = []
    done = 0
    for arrived_at, last in arrived_words(visit):
        for end in ends[done : last + 1]:
            while chars < end:
                sent_at, chars = next(sent)
            if between[0] <= sent_at <= between[1]:
                delays.append(arrived_at - sent_at)
        done = max(done, last + 1)
    return delays


def arrived_words(visit: Visit) -> Iterable[tuple[float, int]]:
    """When which word had come. A word that is cut in two counts with its second half."""
    before = b""
    for arrived_at, data in visit.arrivals:
        text = before + text_in(data)
        yield arrived_at, last_word_in(text)
        before = text[-4:]


def steps(fine: Sequence[tuple[Visit, Seen]]) -> dict[str, Spread | None]:
    """Where the time to the first token goes, from the click on; empty without the site."""
    if not all(visit.posted_at for visit, _ in fine):
        return {}
    return {
        "provider asked": spread(seen.arrived_at + MONOTONIC_TO_WALL - visit.asked_at for visit, seen in fine),
        "posted": spread(visit.posted_at - visit.asked_at for visit, _ in fine),
        "stream open": spread(visit.arrivals[0][0] - visit.asked_at for visit, _ in fine),
        "first text": spread(first_text_at(visit) - visit.asked_at for visit, _ in fine),
    }
