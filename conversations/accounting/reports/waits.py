"""Waits for the first token: a histogram of geometric buckets, from which quantiles come out at most 5 % off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from math import exp, floor, log
from typing import Any

from django.db.models import Case, Count, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Cast, Floor, Ln

from conversations.accounting.reports.scope import Scope
from conversations.accounting.reports.sums import Plan, plan_of, rows_within, sums_within
from conversations.models import UsageRecord

# Each bucket is 10 % wider than the one before: its middle is at most 5 % from anything in it.
STEP = log(1.1)
SHORTEST_S = 0.001

type Waits = dict[int, int]


def place_of(ttft_s: float) -> int:
    """The bucket of a wait."""
    return floor(log(max(ttft_s, SHORTEST_S)) / STEP)


def seconds_of(place: int) -> float:
    """The geometric middle of a bucket."""
    return exp((place + 0.5) * STEP)


def quantile(waits: Mapping[int, int], part: float) -> float | None:
    """The wait that `part` (0 to 1) of the calls did not exceed; None without calls."""
    count = sum(waits.values())
    if not count:
        return None
    passed = 0
    for place in sorted(waits):
        passed += waits[place]
        if passed >= part * count:
            return seconds_of(place)
    return seconds_of(max(waits))


def first_token_waits(scope: Scope) -> dict[str, Waits]:
    """By model: how many calls waited how long. Sums know it, but for one conversation."""
    found: dict[str, Waits] = defaultdict(lambda: defaultdict(int))
    plan = Plan(rows=[(scope.period.start, scope.period.end)]) if scope.conversation else plan_of(scope.period)
    if plan.rolled is not None:
        for model, waits in sums_within(scope, (), plan.rolled).values_list("model", "waits"):
            for place, count in waits.items():
                found[model][int(place)] += count
    if plan.rows:
        for model, place, count in counted(rows_within(scope, plan.rows), "model_asked"):
            found[model][int(place)] += count
    return found


def counted(rows: QuerySet[UsageRecord], *by: str) -> QuerySet[UsageRecord, tuple[Any, ...]]:
    """Of ledger rows: (values of `by`, bucket, calls)."""
    measured = rows.filter(corrects=None, ttft_s__isnull=False).order_by()
    return measured.annotate(place=in_place("ttft_s")).values_list(*by, "place").annotate(Count("pk"))


def in_place(column: str) -> Any:
    """`place_of`, computed by the database."""
    longer = Case(When(**{f"{column}__gt": SHORTEST_S}, then=F(column)), default=Value(SHORTEST_S))
    return Cast(Floor(Ln(longer) / STEP), IntegerField())
