"""Figures: what some rows of the ledger add up to. Unknown stays apart from zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal
from operator import add, attrgetter
from typing import Any

from conversations.models.usage import PRICED_CLASSES

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums of rows; they can be added. Tokens, seconds, and US dollars with all ten decimals.

    `calls` leaves correction rows out, money counts them in. `answers` are calls that gave a reader text: no title,
    no failed attempt. `errors` are calls that a provider refused or broke off; `stops` those a user ended.
    `unpriced` calls have no known price, so that `known_cost_usd` lacks them; `uncounted` calls have no known tokens.
    `estimated_cost_usd` is the part of the known cost whose tokens are estimated, wholly or in part.
    `saved_usd` is what answers from the site's cache would have cost; `cache_saved_usd` what the providers' prompt
    caches made cheaper, less what writing to them cost.
    `timed_output` tokens were written in `timed_ms` milliseconds, the wait for the first one included: a model that
    thinks unseen has written most of them by then.
    """

    calls: int = 0
    answers: int = 0
    stops: int = 0
    errors: int = 0
    retries: int = 0
    fallbacks: int = 0
    unpriced: int = 0
    uncounted: int = 0
    estimated: int = 0
    fresh_input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    known_cost_usd: Decimal = NOTHING
    estimated_cost_usd: Decimal = NOTHING
    saved_usd: Decimal = NOTHING
    cache_saved_usd: Decimal = NOTHING
    timed_output: int = 0
    timed_ms: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(*map(add, VALUES(self), VALUES(other)))

    @property
    def cost_usd(self) -> Decimal | None:
        """What is known of the cost; None when no call of them has a price. See `is_whole`."""
        return None if self.calls and self.unpriced >= self.calls else self.known_cost_usd

    @property
    def is_whole(self) -> bool:
        """Whether every call has a price: otherwise the true cost is more, and the page must say so."""
        return self.unpriced == 0

    @property
    def input(self) -> int:
        """All input tokens, cached or not."""
        return self.fresh_input + self.cache_read + self.cache_write

    @property
    def tokens(self) -> int:
        return self.input + self.output

    @property
    def estimated_share(self) -> float | None:
        """Share of the known cost that is estimated, 0 to 1; None where nothing was spent."""
        return share(self.estimated_cost_usd, self.known_cost_usd)

    @property
    def cache_read_share(self) -> float | None:
        """Share of the input tokens that came from the providers' prompt caches, 0 to 1."""
        return share(self.cache_read, self.input)

    @property
    def all_saved_usd(self) -> Decimal:
        """Both kinds of cache savings."""
        return self.saved_usd + self.cache_saved_usd

    @property
    def tokens_per_s(self) -> float | None:
        """Output tokens per second of the calls that wrote any; None where nobody measured."""
        return self.timed_output * 1000 / self.timed_ms if self.timed_ms else None

    @property
    def stop_share(self) -> float | None:
        return share(self.stops, self.calls)

    @property
    def error_share(self) -> float | None:
        return share(self.errors, self.calls)

    @property
    def retry_share(self) -> float | None:
        return share(self.retries, self.calls)

    @property
    def fallback_share(self) -> float | None:
        return share(self.fallbacks, self.calls)


NAMES = tuple(field.name for field in fields(Figures))
VALUES = attrgetter(*NAMES)
# What a cost needs, known or not; and what a table of costs and tokens does.
COST = ("calls", "unpriced", "known_cost_usd")
COST_AND_TOKENS = (*COST, *PRICED_CLASSES)


def share(part: Decimal | float, whole: Decimal | float) -> float | None:
    """0 to 1; None of nothing."""
    return float(part / whole) if whole else None  # type: ignore[operator]


def change(now: Decimal | float | None, before: Decimal | float | None) -> float | None:
    """By what share it rose (0.25: a quarter more) or fell; None where there was nothing before, or it is unknown."""
    if now is None or not before:
        return None
    return float((now - before) / before)  # type: ignore[operator]


def total(found: dict[Any, Figures]) -> Figures:
    return sum(found.values(), Figures())


def added_up(figures: Iterable[Figures]) -> Figures:
    return sum(figures, Figures())
