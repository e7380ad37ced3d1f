"""How the models have been doing lately, as this process saw it: a model that keeps failing is spared for a while."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

FAILURES_TO_OPEN = 5
WITHIN_S = 60.0
SPARED_S = 30.0
REMEMBERED = 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished call: when (monotonic seconds), how (`ok` or the kind of error), time to the first token."""

    at_s: float
    kind: str
    ttft_s: float | None = None


@dataclass
class Record:
    """The latest outcomes of one model. `spared_until_s` is when the next call may try it again."""

    outcomes: deque[Outcome] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    spared_until_s: float = 0.0

    def failures_since(self, since_s: float) -> int:
        """Failures in a row up to now, none older than `since_s`: one success forgives what was before it."""
        count = 0
        for outcome in reversed(self.outcomes):
            if outcome.kind == "ok" or outcome.at_s < since_s:
                break
            count += 1
        return count


class Health:
    """Recent outcomes per model id. Only failures that another try may mend count against a model."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.records: dict[str, Record] = {}
        self._clock = clock

    def succeeded(self, model: str, ttft_s: float | None) -> None:
        record = self._record(model)
        record.outcomes.append(Outcome(self._clock(), "ok", ttft_s))
        record.spared_until_s = 0.0

    def failed(self, model: str, kind: str) -> None:
        now, record = self._clock(), self._record(model)
        record.outcomes.append(Outcome(now, kind))
        if record.failures_since(now - WITHIN_S) >= FAILURES_TO_OPEN:
            record.spared_until_s = now + SPARED_S

    def is_spared(self, model: str) -> bool:
        """True while the model rests. The first to ask after that is the probe: others wait for what it finds."""
        record = self.records.get(model)
        if record is None or not record.spared_until_s:
            return False
        now = self._clock()
        if now < record.spared_until_s:
            return True
        record.spared_until_s = now + SPARED_S
        return False

    def _record(self, model: str) -> Record:
        return self.records.setdefault(model, Record())
