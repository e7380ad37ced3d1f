"""Sums of the ledger by any of its dimensions and by time, from roll-ups where they hold and from rows elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Count, Expression, F, Max, Min, Q, QuerySet, Value
from django.db.models.functions import TruncDate

from conversations.accounting.reports.aggregates import (
    CALL,
    QUARTER_S,
    ExactSum,
    Quarter,
    of_rows,
    of_sums,
    prefixed,
    whole,
)
from conversations.accounting.reports.figures import NAMES, Figures
from conversations.accounting.reports.period import DAY, Period, day_of, midnight, month_of, months_later
from conversations.accounting.reports.scope import NO_GROUP, Scope
from conversations.models import EVERYBODY, RolledSpan, Span, UsageRecord, UsageSum

ENDED = ("complete", "stopped", "interrupted")
# Calls that write no text of an answer.
BESIDES = (UsageRecord.Purpose.TITLE,)
ESTIMATED = ~Q(confidence=UsageRecord.Confidence.REPORTED)
KINDS = {
    "answers": Q(outcome__in=ENDED) & ~Q(purpose__in=BESIDES),
    "stops": Q(outcome="stopped"),
    "errors": ~Q(outcome__in=ENDED),
    "retries": Q(purpose=UsageRecord.Purpose.RETRY),
    "fallbacks": Q(purpose=UsageRecord.Purpose.FALLBACK),
    "estimated": ESTIMATED,
}
# More ranges than these are read as one.
MOST_RANGES = 100

COLUMNS = {
    "user": "user_key",
    "model": "model_asked",
    "provider": "provider",
    "purpose": "purpose",
    "confidence": "confidence",
    "outcome": "outcome",
    "conversation": "conversation_key",
}
SUM_COLUMNS = COLUMNS | {"model": "model"}


# --- Which rows ----------------------------------------------------------------------


def wanted(scope: Scope, columns: dict[str, str]) -> Q:
    """The filters of a scope as a condition on rows with these columns."""
    chosen = Q()
    for name, value in scope.filters.items():
        if name == "group":
            chosen &= in_group(value, columns["user"])
        else:
            chosen &= Q(**{columns[name]: value})
    return chosen


def in_group(group: int, column: str) -> Q:
    """Rows of the people who are in the group now."""
    members = get_user_model().groups.through.objects.all()
    if group == NO_GROUP:
        return ~Q(**{f"{column}__in": members.values("user_id")})
    return Q(**{f"{column}__in": members.filter(group_id=group).values("user_id")})


def ledger(scope: Scope) -> QuerySet[UsageRecord]:
    """The ledger rows a scope is about, corrections too."""
    return rows_within(scope, [(scope.period.start, scope.period.end)])


def rows_within(scope: Scope, ranges: Iterable[tuple[datetime, datetime]]) -> QuerySet[UsageRecord]:
    within = reduce(or_, (Q(created_at__gte=start, created_at__lt=end) for start, end in ranges))
    return UsageRecord.objects.filter(within, wanted(scope, COLUMNS)).order_by()


# --- What is rolled up ---------------------------------------------------------------


@dataclass(slots=True)
class Plan:
    """Where the sums of a period come from: sums of months, of days (first, last), and rows of what remains."""

    months: list[date] = field(default_factory=list)
    days: list[tuple[date, date]] = field(default_factory=list)
    rows: list[tuple[datetime, datetime]] = field(default_factory=list)

    @property
    def rolled(self) -> Q | None:
        """The sums of it, as a condition on them; None when nothing is rolled up."""
        parts = [Q(span=Span.DAY, start__range=days) for days in self.days]
        if self.months:
            parts.append(Q(span=Span.MONTH, start__in=self.months))
        return reduce(or_, parts) if parts else None


def plan_of(period: Period, size: str = "") -> Plan:
    """Whole days and months that are rolled up, as large as may be, and ranges of time that are not. One query."""
    first = period.first_day + (DAY if midnight(period.first_day) < period.start else DAY * 0)
    after = day_of(period.end)
    if first >= after:
        return Plan(rows=[(period.start, period.end)])
    rolled = set(RolledSpan.valid(first, after - DAY))
    plan = Plan()
    add_range(plan, period.start, midnight(first))
    day = first
    while day < after:
        next_month = months_later(month_of(day), 1)
        if size != "day" and next_month <= after and (Span.MONTH, day) in rolled:
            plan.months.append(day)
            day = next_month
            continue
        if (Span.DAY, day) in rolled:
            add_day(plan, day)
        else:
            add_range(plan, midnight(day), midnight(day + DAY))
        day += DAY
    add_range(plan, midnight(after), period.end)
    return plan if len(plan.rows) + len(plan.days) <= MOST_RANGES else Plan(rows=[(period.start, period.end)])


def add_day(plan: Plan, day: date) -> None:
    if plan.days and plan.days[-1][1] == day - DAY:
        plan.days[-1] = (plan.days[-1][0], day)
    else:
        plan.days.append((day, day))


def add_range(plan: Plan, start: datetime, end: datetime) -> None:
    if start >= end:
        return
    if plan.rows and plan.rows[-1][1] == start:
        plan.rows[-1] = (plan.rows[-1][0], end)
    else:
        plan.rows.append((start, end))


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one kind that can be added up: `aggregates` by the names of `Figures`, `at` the time of a row."""

    rows: QuerySet[Any]
    columns: dict[str, str]
    aggregates: dict[str, Any]
    at: Expression | F | None


def sources(scope: Scope, by: tuple[str, ...] = (), size: str = "", plan: Plan | None = None) -> Iterator[Source]:
    """All rows of the scope, each in exactly one source."""
    at: Expression = Quarter("created_at") if size == "hour" else TruncDate("created_at")
    if size == "hour" or "conversation" in by or scope.conversation:
        yield Source(ledger(scope), COLUMNS, figures_of_rows(), at)
        return
    plan = plan or plan_of(scope.period, size)
    if plan.rolled is not None:
        yield Source(sums_within(scope, by, plan.rolled), SUM_COLUMNS, figures_of_sums(), F("start"))
    if plan.rows:
        yield Source(rows_within(scope, plan.rows), COLUMNS, figures_of_rows(), at)


def sums_within(scope: Scope, by: tuple[str, ...], rolled: Q) -> QuerySet[UsageSum]:
    """Those of everybody where users do not matter: they are far fewer."""
    if scope.user is not None:
        whose = Q()
    elif "user" in by or scope.group is not None:
        whose = Q(user_key__gt=EVERYBODY)
    else:
        whose = Q(user_key=EVERYBODY)
    return UsageSum.objects.filter(rolled, whose, wanted(scope, SUM_COLUMNS))


def figures_of_rows() -> dict[str, Any]:
    return renamed(
        of_rows(),
        {name: Count("pk", filter=CALL & kind) for name, kind in KINDS.items()},
        ExactSum("cost_usd", filter=ESTIMATED),
    )


def figures_of_sums() -> dict[str, Any]:
    return renamed(
        of_sums(),
        {name: whole("calls", kind) for name, kind in KINDS.items()},
        ExactSum("cost_usd", filter=ESTIMATED),
    )


def renamed(summed: dict[str, Any], kinds: dict[str, Any], estimated_cost_usd: Any) -> dict[str, Any]:
    """Aggregates in the names and the order of `Figures`."""
    known = {"known_cost_usd": summed["cost_usd"], "estimated_cost_usd": estimated_cost_usd}
    together = summed | kinds | known
    return {name: together[name] for name in NAMES}


# --- Adding up -----------------------------------------------------------------------


def sums(
    scope: Scope, *by: str, size: str = "", only: tuple[str, ...] = NAMES, plan: Plan | None = None
) -> dict[tuple[Any, ...], Figures]:
    """What the rows of a scope add up to, by values of `by`: dimensions of the scope.

    With a `size` ("hour", "day" or "month") the last value of each key is a moment: each key lies within one bucket of
    that size, but several may lie in the same.
    `only` are the figures that are needed; the others are 0. At most three queries.
    """
    found: dict[tuple[Any, ...], list[Any]] = {}
    for source in sources(scope, by, size, plan):
        for key, values in added(source, by, size, only):
            if size:
                key = (*key[:-1], moment_of(key[-1]))
            known = found.get(key)
            found[key] = values if known is None else [a + b for a, b in zip(known, values, strict=True)]
    if only == NAMES:
        return {key: Figures(*values) for key, values in found.items()}
    return {key: Figures(**dict(zip(only, values, strict=True))) for key, values in found.items()}


def added(
    source: Source, by: tuple[str, ...], size: str, only: tuple[str, ...]
) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    columns = [source.columns[name] for name in by]
    rows = source.rows.order_by()
    if size:
        rows, columns = rows.annotate(at=source.at), [*columns, "at"]
    elif not columns:
        # Without a column to group by there would be one row even of nothing.
        rows, columns = rows.annotate(at=Value(1)), ["at"]
    aggregates = prefixed({name: source.aggregates[name] for name in only})
    width = len(columns) if by or size else 0
    start = len(columns)
    for row in rows.values(*columns).annotate(**aggregates).values_list(*columns, *aggregates):
        yield row[:width], list(row[start:])


def sums_of_conversations(scope: Scope, keys: Iterable[UUID]) -> dict[tuple[UUID, int], Figures]:
    """What these conversations add up to within the scope, by (conversation key, user key). One query."""
    rows = ledger(scope).filter(conversation_key__in=list(keys))
    source = Source(rows, COLUMNS, figures_of_rows(), None)
    return {key: Figures(*values) for key, values in added(source, ("conversation", "user"), "", NAMES)}


def active_users(scope: Scope, plan: Plan | None = None) -> int:
    """How many people made calls. A correction alone is nobody's activity."""
    people: set[int] = set()
    for source in sources(scope, ("user",), plan=plan):
        called = Q(corrects=None) if source.columns is COLUMNS else Q(calls__gt=0)
        people.update(source.rows.filter(called).values_list("user_key", flat=True).distinct())
    return len(people)


def unpriced_days(scope: Scope) -> dict[tuple[str, str], tuple[date, date]]:
    """First and last day with calls that have no price, by (model, provider). At most three queries."""
    found: dict[tuple[str, str], tuple[date, date]] = {}
    for source in sources(scope, size="day"):
        without = Q(corrects=None, cost_usd=None) if source.columns is COLUMNS else Q(unpriced__gt=0)
        model, provider = source.columns["model"], source.columns["provider"]
        days = source.rows.filter(without).annotate(at=source.at).values(model, provider)
        for *key, first, last in days.annotate(first=Min("at"), last=Max("at")).values_list(
            model, provider, "first", "last"
        ):
            known = found.get((key[0], key[1]), (first, last))
            found[key[0], key[1]] = (min(first, known[0]), max(last, known[1]))
    return found


def moment_of(at: int | date) -> datetime:
    """When a quarter of an hour, a day or a month began."""
    return midnight(at) if isinstance(at, date) else datetime.fromtimestamp(at * QUARTER_S, UTC)
