"""Attempts: the same question to a model again, then to the next of its fallback chain, until one answers.

Before the first visible token a failed attempt costs the reader nothing but time, so it is tried again, after a wait
that grows with every try and obeys Retry-After. After text has been shown nothing is taken back: the attempt that broke
is the last, unless the chain says that the next model continues.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from providers.contract import Citation, ReasoningDelta, StreamEvent, TextDelta, ToolCall
from providers.errors import ProviderError
from providers.health import Health

VISIBLE = TextDelta | ReasoningDelta | ToolCall | Citation


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model of the chain, and how to ask it: `ask` is called once per attempt and may carry on from what is shown."""

    model: str
    ask: Callable[[], AsyncGenerator[StreamEvent]]


@dataclass(frozen=True, slots=True)
class Policy:
    """`tries` per model; waits in seconds. A Retry-After above `longest_wait_s` goes to the next model at once."""

    tries: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 10.0
    continue_with_fallback: bool = False


@dataclass(frozen=True, slots=True)
class AttemptBegan:
    """`model` is asked now; every event until the next of these is its."""

    model: str


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """The attempt is over and another follows: after `wait_s` seconds, of `next_model`."""

    model: str
    error: ProviderError
    next_model: str
    wait_s: float


type AttemptEvent = StreamEvent | AttemptBegan | AttemptFailed


async def attempts(chain: Sequence[Candidate], policy: Policy, health: Health) -> AsyncGenerator[AttemptEvent]:
    """The events of the first attempt that succeeds, and what happened before it. Raises the last ProviderError."""
    rest = worth_asking(chain, health)
    tries, shown = 0, False
    while True:
        candidate, tries = rest[0], tries + 1
        yield AttemptBegan(candidate.model)
        try:
            async with aclosing(candidate.ask()) as events:
                async for event in events:
                    shown = shown or isinstance(event, VISIBLE)
                    yield event
            return
        except ProviderError as error:
            if error.retryable:
                health.failed(candidate.model, error.kind)
            wait_s = wait_before_retry(error, tries, policy) if not shown else None
            if wait_s is None:
                rest, tries, wait_s = rest[1:], 0, 0.0
            if not rest or (shown and not policy.continue_with_fallback):
                raise
            yield AttemptFailed(candidate.model, error, rest[0].model, wait_s)
        await asyncio.sleep(wait_s)


def worth_asking(chain: Sequence[Candidate], health: Health) -> list[Candidate]:
    """The chain without models that are spared just now; the last is asked in any case."""
    return [candidate for candidate in chain[:-1] if not health.is_spared(candidate.model)] + [chain[-1]]


def wait_before_retry(error: ProviderError, tries: int, policy: Policy) -> float | None:
    """Seconds until the same model is asked again; None when it is not: the next one is asked at once."""
    if not error.retryable or tries >= policy.tries:
        return None
    if error.retry_after_s is not None:
        return error.retry_after_s if error.retry_after_s <= policy.longest_wait_s else None
    grown: float = policy.first_wait_s * 2 ** (tries - 1)
    return min(grown * random.uniform(0.75, 1.25), policy.longest_wait_s)
