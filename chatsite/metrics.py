"""Metrics for Prometheus, at an address of their own. Imported only by processes that have one (`measuring`).

What is running is read when somebody asks; what has ended is counted once it is committed, from the ledger's own rows,
so that the figures of all processes add up to the ledger. docs/observability.md lists them.
"""

import asyncio
import logging
from collections.abc import Iterable
from math import inf
from time import monotonic
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chatsite.lanes import OneTask
from conversations.generating.claiming import left
from conversations.generating.queueing import LINE
from conversations.generating.saving import RUNS, unsaved_for_s
from conversations.models import Generation, UsageRecord
from conversations.models.signals import answer_ended, calls_booked
from conversations.models.usage import TOKEN_CLASSES
from conversations.streaming.hub import HUBS

log = logging.getLogger(__name__)

TICK_S = 0.25

REGISTRY = CollectorRegistry()

ANSWERS = Counter("chat_answers", "Answers that have ended.", ["model", "status"], registry=REGISTRY)
CALLS = Counter("chat_calls", "Calls of providers.", ["model", "purpose", "outcome"], registry=REGISTRY)
TOKENS = Counter("chat_tokens", "What they used; reasoning is within output.", ["model", "class"], registry=REGISTRY)
FIRST_TOKEN = Histogram(
    "chat_first_token_seconds",
    "From the call to its first visible token; titles left out.",
    ["model"],
    buckets=(0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 13, 20, 30, 60, 120),
    registry=REGISTRY,
)
DURATION = Histogram(
    "chat_call_seconds",
    "How long calls took; titles left out.",
    ["model"],
    buckets=(0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600, 1800),
    registry=REGISTRY,
)
TASKS = Counter("chat_tasks", "Tasks that this worker has done.", ["task", "state"], registry=REGISTRY)
LOOP_LAG = Histogram(
    "chat_event_loop_lag_seconds",
    f"How late the event loop woke somebody up who had slept for {TICK_S} s.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
ProcessCollector(registry=REGISTRY)

_due_s = inf


# --- What is running ----------------------------------------------------------


class RightNow(Collector):
    """Read in the thread of whoever asks, beside the event loop, so that it answers even when that does not."""

    def collect(self) -> Iterable[Metric]:
        waiting, runs, hubs = LINE.length, len(RUNS), list(HUBS)
        figures = (
            ("chat_answers_running", "Answers that this process is writing.", max(0, runs - waiting)),
            ("chat_answers_waiting", "Answers that wait in line in this process.", waiting),
            ("chat_answers_left", "Answers that no generator had room for, the same in all generators.", left()),
            ("chat_viewers", "Open streams of answers.", sum(hub.readers for hub in hubs)),
            ("chat_unsaved_text_seconds", "For how long text may have been waiting to be saved.", unsaved_for_s()),
            ("chat_event_loop_overdue_seconds", "How late the event loop is now.", max(0.0, monotonic() - _due_s)),
        )
        return [GaugeMetricFamily(name, meaning, value=value) for name, meaning, value in figures]


REGISTRY.register(RightNow())


# --- What has ended -----------------------------------------------------------


def count_answer(generation: Generation, **_: Any) -> None:
    ANSWERS.labels(generation.model, generation.status).inc()


def count_calls(records: Iterable[UsageRecord], **_: Any) -> None:
    for record in records:
        if record.corrects_id is None:
            count_call(record)


def count_call(record: UsageRecord) -> None:
    model = record.model_asked
    CALLS.labels(model, record.purpose, record.outcome).inc()
    for name in TOKEN_CLASSES:
        TOKENS.labels(model, name).inc(getattr(record, name) or 0)
    if record.purpose != UsageRecord.Purpose.TITLE:
        if record.ttft_s is not None:
            FIRST_TOKEN.labels(model).observe(record.ttft_s)
        if record.duration_s is not None:
            DURATION.labels(model).observe(record.duration_s)


def count_task(sender: Any, state: str | None, **_: Any) -> None:
    """Of Celery's `task_postrun`."""
    TASKS.labels(sender.name.rpartition(".")[2], (state or "unknown").lower()).inc()


# --- The event loop -----------------------------------------------------------


async def tick() -> None:
    """Measure the running event loop, from now on."""
    global _due_s
    try:
        while True:
            _due_s = monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            LOOP_LAG.observe(max(0.0, monotonic() - _due_s))
    finally:
        _due_s = inf


TICKING = OneTask(tick)


# --- Serving ------------------------------------------------------------------


def serve(host: str, port: int) -> None:
    """Begin to count, and serve the figures in a thread. A port that is taken costs the figures, not the process."""
    answer_ended.connect(count_answer)
    calls_booked.connect(count_calls)
    try:
        start_http_server(port, host, registry=REGISTRY)
    except OSError as error:
        log.error("no metrics at %s port %d: %s", host, port, error.strerror)
