"""What an answer used over all its calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from conversations.exporting.records import CallRecord


@dataclass(frozen=True, slots=True)
class Totals:
    """Tokens and US dollars. None where there was no call, or where one part of the sum is unknown."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: Decimal | None = None


def totals_of(calls: Sequence[CallRecord]) -> Totals:
    if not calls:
        return Totals()
    made = [call for call in calls if call.corrects is None]
    costs = [call.cost_usd for call in calls]
    return Totals(
        input_tokens=known_sum(
            tokens for call in made for tokens in (call.fresh_input, call.cache_read, call.cache_write)
        ),
        output_tokens=known_sum(call.output for call in made),
        cost_usd=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
    )


def known_sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total
