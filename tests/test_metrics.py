"""Metrics: what the document says is what there is, the address is never public, and a stuck event loop shows."""

import asyncio
import re
import time
from pathlib import Path
from threading import Event, Thread

import pytest
from django.core.exceptions import ImproperlyConfigured

from chatsite.environment import env_private_address
from chatsite.metrics import REGISTRY, TICKING

DOCUMENT = Path(__file__).parent.parent / "docs/observability.md"
ROW = re.compile(r"^\| `((?:chat|process)_\w+)` \| (\w+) \|", re.MULTILINE)


def test_the_document_lists_every_metric_and_no_other() -> None:
    there = {
        (f"{family.name}_total" if family.type == "counter" else family.name, family.type)
        for family in REGISTRY.collect()
    }

    assert sorted(ROW.findall(DOCUMENT.read_text())) == sorted(there)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("127.0.0.1:9100", ("127.0.0.1", 9100)),
        ("[::1]:9100", ("::1", 9100)),
        ("localhost:9100", ("localhost", 9100)),
        ("10.1.2.3:9100", ("10.1.2.3", 9100)),
        ("100.64.0.9:9100", ("100.64.0.9", 9100)),
        ("", None),
    ],
)
def test_an_address_that_the_public_cannot_reach_is_taken(
    monkeypatch: pytest.MonkeyPatch, value: str, address: tuple[str, int] | None
) -> None:
    monkeypatch.setenv("CHAT_METRICS", value)

    assert env_private_address("CHAT_METRICS") == address


@pytest.mark.parametrize("value", ["0.0.0.0:9100", "[::]:9100", ":9100", "9100", "8.8.8.8:9100", "127.0.0.1:metrics"])
def test_any_other_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CHAT_METRICS", value)

    with pytest.raises(ImproperlyConfigured, match="CHAT_METRICS"):
        env_private_address("CHAT_METRICS")


def figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def late_by_more_than(seconds: str) -> float:
    """How often the event loop was."""
    name = "chat_event_loop_lag_seconds"
    return figure(f"{name}_count") - figure(f"{name}_bucket", le=seconds)


async def test_a_blocked_event_loop_shows_while_it_is_blocked_and_afterwards() -> None:
    TICKING.ensure()
    before = late_by_more_than("0.5")
    seen = Event()

    def look() -> None:
        until = time.monotonic() + 20
        while figure("chat_event_loop_overdue_seconds") < 0.6 and time.monotonic() < until:
            time.sleep(0.01)
        seen.set()

    await asyncio.sleep(0)
    Thread(target=look).start()
    assert seen.wait(30), "blocks the event loop"
    overdue = figure("chat_event_loop_overdue_seconds")
    await asyncio.sleep(0.01)

    assert overdue >= 0.6
    assert late_by_more_than("0.5") == before + 1
