"""What calls have cost, by who made them or in which conversation: bounded queries for lists of people and things."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from conversations.accounting.reports.figures import Figures
from conversations.accounting.reports.period import Period, day_of
from conversations.accounting.reports.rollups import first_day
from conversations.accounting.reports.scope import Scope
from conversations.accounting.reports.sums import COLUMNS, Source, added, figures_of_rows, sources, sums
from conversations.models import UsageRecord

NEEDED = ("calls", "unpriced", "known_cost_usd")


@dataclass(frozen=True, slots=True)
class Spend:
    """US dollars of `calls` calls; the `unknown` ones among them have no known price and are in no sum."""

    calls: int = 0
    unknown: int = 0
    known_usd: Decimal = Decimal(0)

    def __add__(self, other: Spend) -> Spend:
        return Spend(self.calls + other.calls, self.unknown + other.unknown, self.known_usd + other.known_usd)


NOTHING = Spend()


def this_month() -> Period:
    return Period.named("this-month")


def of_all_times() -> Period | None:
    """From the first day of the ledger to today; None while it is empty."""
    first = first_day()
    return Period.of_days(first, max(first, day_of(timezone.now()))) if first else None


def spend_of_people(keys: Iterable[int], period: Period | None) -> dict[int, Spend]:
    """By user key, within the period; from roll-ups where they hold. Three queries at most."""
    people = list(keys)
    found: dict[int, Spend] = {}
    for source in sources(Scope(period), by=("user",)) if period and people else ():
        theirs = replace(source, rows=source.rows.filter(user_key__in=people))
        for (key,), values in added(theirs, ("user",), "", NEEDED):
            found[key] = found.get(key, NOTHING) + Spend(*values)
    return found


def spend_of_conversations(keys: Iterable[UUID]) -> dict[UUID, Spend]:
    """By conversation key, of all times. One query over the ledger's index of conversations."""
    rows = UsageRecord.objects.filter(conversation_key__in=list(keys))
    source = Source(rows, COLUMNS, figures_of_rows(), None)
    return {key: Spend(*values) for (key,), values in added(source, ("conversation",), "", NEEDED)}


def spend_of_site(period: Period) -> Spend:
    """Of everybody together."""
    figures = sums(Scope(period), only=NEEDED).get((), Figures())
    return Spend(figures.calls, figures.unpriced, figures.known_cost_usd)


def total(spends: Iterable[Spend]) -> Spend:
    return sum(spends, NOTHING)
