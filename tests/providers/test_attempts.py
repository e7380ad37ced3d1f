"""Attempts: ask again, wait as told, fall back, never take back what was shown."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from providers.attempts import AttemptBegan, AttemptEvent, AttemptFailed, Candidate, Policy, attempts
from providers.contract import Finished, FinishReason, StreamEvent, TextDelta
from providers.errors import KeyRejected, Overloaded, ProviderError, RateLimited
from providers.health import FAILURES_TO_OPEN, SPARED_S, WITHIN_S, Health

AT_ONCE = Policy(tries=3, first_wait_s=0.0, longest_wait_s=0.05)
DONE = Finished(FinishReason.STOP)

type Script = Sequence[StreamEvent | ProviderError]


class Scripted:
    """A model that plays one script per call, the last one for ever."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.calls = 0

    async def ask(self) -> AsyncGenerator[StreamEvent]:
        script = self.scripts[min(self.calls, len(self.scripts) - 1)]
        self.calls += 1
        for event in script:
            if isinstance(event, ProviderError):
                raise event
            yield event


async def all_of(
    policy: Policy = AT_ONCE, health: Health | None = None, **models: Scripted
) -> tuple[list[AttemptEvent], ProviderError | None]:
    chain = [Candidate(name, model.ask) for name, model in models.items()]
    seen: list[AttemptEvent] = []
    try:
        async for event in attempts(chain, policy, health or Health()):
            seen.append(event)
    except ProviderError as error:
        return seen, error
    return seen, None


def told(events: list[AttemptEvent]) -> list[str]:
    words = {AttemptBegan: lambda e: f"ask {e.model}", AttemptFailed: lambda e: f"{e.error.kind}, next {e.next_model}"}
    return [words[type(event)](event) if type(event) in words else type(event).__name__ for event in events]


async def test_a_model_that_fails_once_is_asked_again() -> None:
    seen, error = await all_of(a=Scripted([Overloaded()], [TextDelta("Hi"), DONE]))

    assert told(seen) == ["ask a", "overloaded, next a", "ask a", "TextDelta", "Finished"]
    assert error is None


async def test_after_its_tries_the_next_of_the_chain_is_asked() -> None:
    first = Scripted([Overloaded()])
    seen, error = await all_of(a=first, b=Scripted([TextDelta("Hi"), DONE]))

    assert first.calls == 3
    assert told(seen)[-4:] == ["overloaded, next b", "ask b", "TextDelta", "Finished"]
    assert error is None


async def test_a_long_retry_after_goes_to_the_fallback_at_once() -> None:
    first = Scripted([RateLimited(retry_after_s=65)])
    seen, _ = await all_of(a=first, b=Scripted([DONE]))

    assert first.calls == 1
    assert told(seen)[1] == "rate_limited, next b"


async def test_a_short_retry_after_is_waited_for() -> None:
    seen, _ = await all_of(a=Scripted([RateLimited(retry_after_s=0.02)], [DONE]))

    assert [event.wait_s for event in seen if isinstance(event, AttemptFailed)] == [0.02]


async def test_what_another_try_cannot_mend_goes_to_the_fallback_at_once() -> None:
    first = Scripted([KeyRejected()])
    await all_of(a=first, b=Scripted([DONE]))

    assert first.calls == 1


async def test_without_a_fallback_the_last_error_is_the_answer() -> None:
    _, error = await all_of(a=Scripted([Overloaded("first")], [Overloaded("second")], [RateLimited("last")]))

    assert error is not None
    assert error.detail == "last"


async def test_after_text_nothing_is_asked_again() -> None:
    first, second = Scripted([TextDelta("Hal"), Overloaded()]), Scripted([DONE])
    seen, error = await all_of(a=first, b=second)

    assert told(seen) == ["ask a", "TextDelta"]
    assert (first.calls, second.calls) == (1, 0)
    assert isinstance(error, Overloaded)


async def test_a_chain_may_say_that_the_next_model_continues() -> None:
    policy = Policy(tries=3, first_wait_s=0.0, continue_with_fallback=True)
    seen, error = await all_of(
        policy, a=Scripted([TextDelta("Hal"), Overloaded()]), b=Scripted([TextDelta("lo"), DONE])
    )

    assert told(seen) == ["ask a", "TextDelta", "overloaded, next b", "ask b", "TextDelta", "Finished"]
    assert error is None


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_model_that_keeps_failing_is_spared_and_then_probed_once() -> None:
    clock = Clock()
    health = Health(clock)
    for _ in range(FAILURES_TO_OPEN):
        health.failed("a", "overloaded")

    first, second = Scripted([TextDelta("a"), DONE]), Scripted([TextDelta("b"), DONE])
    spared, _ = await all_of(health=health, a=first, b=second)
    clock.now += SPARED_S
    probed, _ = await all_of(health=health, a=first, b=second)

    assert told(spared)[0] == "ask b"
    assert told(probed)[0] == "ask a"
    assert health.is_spared("a"), "only one may probe until it is known how that went"


@pytest.mark.parametrize("forgiven", ["by a success", "by time"])
def test_old_failures_are_forgiven(forgiven: str) -> None:
    clock = Clock()
    health = Health(clock)
    for _ in range(FAILURES_TO_OPEN - 1):
        health.failed("a", "overloaded")
    if forgiven == "by time":
        clock.now += WITHIN_S + 1
    else:
        health.succeeded("a", 0.1)
    health.failed("a", "overloaded")

    assert not health.is_spared("a")


async def test_a_model_alone_is_asked_however_it_has_been_doing() -> None:
    health = Health()
    for _ in range(FAILURES_TO_OPEN):
        health.failed("a", "overloaded")

    seen, _ = await all_of(health=health, a=Scripted([DONE]))

    assert told(seen)[0] == "ask a"
