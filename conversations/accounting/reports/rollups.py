"""Rolling up: the sums of days that have passed, so that a report of a year need not read a year of rows.

A day is rolled up whole, from its rows, in one transaction that ends with its mark: twice is the same as once, and a
worker that is killed leaves nothing half done. `roll_up` finds what is missing, whatever the reason.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from conversations.accounting.reports.aggregates import SUMMED, of_rows, of_sums, prefixed
from conversations.accounting.reports.period import DAY, day_of, midnight, month_of, months_later
from conversations.accounting.reports.waits import counted
from conversations.models import EVERYBODY, ConversationSum, RolledSpan, Span, UsageRecord, UsageSum

log = logging.getLogger(__name__)

# A day is rolled up this long after its end: no transaction that began in it still runs then.
SETTLED_AFTER = timedelta(hours=1)
DIMENSIONS = ("provider", "model", "purpose", "outcome", "confidence")
OF_ROWS = ("provider", "model_asked", "purpose", "outcome", "confidence")
CONVERSATION = ("conversation_key", "user_key", "provider", "model")
BATCH = 2_000

type Key = tuple[Any, ...]
type Sums = dict[Key, list[Any]]


# --- What is due -----------------------------------------------------------------


def roll_up(most: int = 400) -> int:
    """Roll up what has passed and has no valid mark: up to `most` days, latest first, then months. How many it did.

    A task repeats it every few minutes. Several may run at once.
    """
    RolledSpan.objects.exclude(time_zone=settings.TIME_ZONE).filter(stale=False).update(stale=True)
    done = 0
    for day in due_days()[:most]:
        roll_day(day)
        done += 1
    for month in due_months():
        done += roll_month(month)
    return done


def due_days(now: datetime | None = None) -> list[date]:
    """Days that have settled and are not rolled up, latest first."""
    first = first_day()
    last = last_settled_day(now)
    if first is None or first > last:
        return []
    rolled = {start for span, start in RolledSpan.valid(first, last) if span == Span.DAY}
    return [day for day in days_down(last, first) if day not in rolled]


def due_months(now: datetime | None = None) -> list[date]:
    """Months of which every day is rolled up, and that are not, latest first."""
    first = first_day()
    last = last_settled_day(now)
    if first is None:
        return []
    days: dict[date, int] = defaultdict(int)
    rolled = set()
    for span, start in RolledSpan.valid(month_of(first), last):
        if span == Span.MONTH:
            rolled.add(start)
        else:
            days[month_of(start)] += 1
    whole = [month for month, count in days.items() if count == days_in(month, first)]
    return sorted(set(whole) - rolled, reverse=True)


def days_in(month: date, first: date) -> int:
    """How many days of a month can be rolled up: in the first month only those since the ledger began."""
    return (months_later(month, 1) - max(month, first)).days


def last_settled_day(now: datetime | None = None) -> date:
    return day_of((now or timezone.now()) - SETTLED_AFTER) - DAY


def first_day() -> date | None:
    """The day of the first ledger row; None when there is none."""
    first = UsageRecord.objects.aggregate(first=Min("created_at"))["first"]
    return day_of(first) if first else None


def days_down(last: date, first: date) -> Iterator[date]:
    while last >= first:
        yield last
        last -= DAY


# --- One day, one month ----------------------------------------------------------


@transaction.atomic
def roll_day(day: date) -> None:
    """Write the sums of a day from its rows, over those there are."""
    mark = claimed(Span.DAY, day)
    rows = rows_of(day)
    people = summed(rows, ("user_key", *OF_ROWS), of_rows())
    write(Span.DAY, day, people, waits_of(rows))
    write_conversations(day, rows)
    mark.stand()


@transaction.atomic
def roll_month(month: date) -> bool:
    """Write the sums of a month from those of its days. False when one of them has been spoiled meanwhile."""
    mark = claimed(Span.MONTH, month)
    first, last = month, months_later(month, 1) - DAY
    began = first_day()
    rolled = [start for span, start in RolledSpan.valid(first, last) if span == Span.DAY]
    if began is None or len(rolled) != days_in(month, began):
        return False
    days = UsageSum.objects.filter(span=Span.DAY, start__in=rolled)
    people = summed(days.exclude(user_key=EVERYBODY), ("user_key", *DIMENSIONS), of_sums())
    write(Span.MONTH, month, people, merged_waits(days.exclude(user_key=EVERYBODY)))
    mark.stand()
    return True


def claimed(span: str, start: date) -> RolledSpan:
    """The locked mark. Where the site has moved to another time zone the old sums are of other rows, and go."""
    mark = RolledSpan.claim(span, start)
    if not mark.is_of_this_zone:
        forget(span, start)
    return mark


def forget(span: str, start: date) -> None:
    UsageSum.objects.filter(span=span, start=start).delete()
    if span == Span.DAY:
        ConversationSum.objects.filter(day=start).delete()


def rows_of(day: date) -> QuerySet[UsageRecord]:
    return UsageRecord.objects.filter(created_at__gte=midnight(day), created_at__lt=midnight(day + DAY)).order_by()


def summed(rows: QuerySet[Any], by: Key, aggregates: dict[str, Any]) -> Sums:
    columns = prefixed(aggregates)
    found = rows.order_by().values(*by).annotate(**columns).values_list(*by, *columns)
    return {tuple(row[: len(by)]): list(row[len(by) :]) for row in found.iterator()}


def of_everybody(people: Sums) -> Sums:
    """The same without the users."""
    found: Sums = {}
    for (_, *rest), values in people.items():
        key = tuple(rest)
        found[key] = [a + b for a, b in zip(found[key], values, strict=True)] if key in found else values
    return found


def waits_of(rows: QuerySet[UsageRecord]) -> dict[Key, dict[str, int]]:
    """Histograms of the waits for the first token, by user and dimensions."""
    found: dict[Key, dict[str, int]] = defaultdict(dict)
    for *key, place, count in counted(rows, "user_key", *OF_ROWS):
        found[tuple(key)][str(place)] = count
    return found


def merged_waits(days: QuerySet[UsageSum]) -> dict[Key, dict[str, int]]:
    found: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for *key, waits in days.values_list("user_key", *DIMENSIONS, "waits").iterator():
        for place, count in waits.items():
            found[tuple(key)][place] += count
    return found


def waits_of_everybody(people: dict[Key, dict[str, int]]) -> dict[Key, dict[str, int]]:
    found: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for (_, *key), waits in people.items():
        for place, count in waits.items():
            found[tuple(key)][place] += count
    return found


def with_everybody(people: Sums, waits: dict[Key, dict[str, int]]) -> Sums:
    """All sums of a span by (user key, dimensions), their waits last."""
    together = waits_of_everybody(waits)
    found = {key: [*values, waits.get(key, {})] for key, values in people.items()}
    for key, values in of_everybody(people).items():
        found[EVERYBODY, *key] = [*values, together.get(key, {})]
    return found


def write(span: str, start: date, people: Sums, waits: dict[Key, dict[str, int]]) -> None:
    sums = [sum_of(span, start, key, values) for key, values in with_everybody(people, waits).items()]
    UsageSum.objects.bulk_create(
        sums,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["span", "user_key", "start", *DIMENSIONS],
        update_fields=[*SUMMED, "waits"],
    )


def sum_of(span: str, start: date, key: Key, values: list[Any]) -> UsageSum:
    named = dict(zip(("user_key", *DIMENSIONS), key, strict=True)) | dict(zip((*SUMMED, "waits"), values, strict=True))
    return UsageSum(span=span, start=start, **named)


def write_conversations(day: date, rows: QuerySet[UsageRecord]) -> None:
    sums = [
        ConversationSum(day=day, calls=calls, cost_usd=cost_usd, **dict(zip(CONVERSATION, key, strict=True)))
        for key, (calls, cost_usd) in sums_of_conversations(rows).items()
    ]
    ConversationSum.objects.bulk_create(
        sums,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["day", *CONVERSATION],
        update_fields=["calls", "cost_usd"],
    )


def sums_of_conversations(rows: QuerySet[UsageRecord]) -> Sums:
    aggregates = {name: of_rows()[name] for name in ("calls", "cost_usd")}
    return summed(rows, ("conversation_key", "user_key", "provider", "model_asked"), aggregates)


# --- From nothing, and whether it is right ----------------------------------------


def rebuild(first: date, last: date) -> Iterator[date]:
    """Forget all sums of these days and of their months, and make them anew; yields each day that is done."""
    for day in days_down(last, first):
        with transaction.atomic():
            RolledSpan.claim(Span.DAY, day)
            RolledSpan.spoil([midnight(day)])
            forget(Span.DAY, day)
        roll_day(day)
        yield day
    month = month_of(first)
    while month <= last:
        with transaction.atomic():
            RolledSpan.claim(Span.MONTH, month)
            forget(Span.MONTH, month)
        month = months_later(month, 1)
    for month in due_months():
        roll_month(month)


@dataclass(frozen=True, slots=True)
class Difference:
    """A sum that is not that of its rows; None where there is no sum, or no row, at all."""

    span: str
    start: date
    key: Key
    rows: Any
    sums: Any


def differences(first: date, last: date) -> Iterator[Difference]:
    """Compare every sum that counts with the rows it stands for, in every column. Meanwhile nobody can add to them."""
    for span, start in compared_spans(first, last):
        with transaction.atomic():
            if RolledSpan.claim(span, start).is_valid:
                end = start + DAY if span == Span.DAY else months_later(start, 1)
                rows = UsageRecord.objects.filter(created_at__gte=midnight(start), created_at__lt=midnight(end))
                yield from compared(span, start, rows)


def compared_spans(first: date, last: date) -> list[tuple[str, date]]:
    """What `differences` compares: months too of which only the end lies within."""
    return [found for found in RolledSpan.valid(month_of(first), last) if found[0] == Span.MONTH or found[1] >= first]


def compared(span: str, start: date, rows: QuerySet[UsageRecord]) -> Iterator[Difference]:
    expected = with_everybody(summed(rows, ("user_key", *OF_ROWS), of_rows()), waits_of(rows))
    found = UsageSum.objects.filter(span=span, start=start).values_list("user_key", *DIMENSIONS, *SUMMED, "waits")
    yield from unequal(span, start, expected, {row[:6]: list(row[6:]) for row in found.iterator()})
    if span == Span.DAY:
        sums = ConversationSum.objects.filter(day=start).values_list(*CONVERSATION, "calls", "cost_usd")
        yield from unequal(span, start, sums_of_conversations(rows), {row[:4]: list(row[4:]) for row in sums})


def unequal(span: str, start: date, rows: dict[Key, Any], sums: dict[Key, Any]) -> Iterator[Difference]:
    for key in rows.keys() | sums.keys():
        if rows.get(key) != sums.get(key):
            yield Difference(span, start, key, rows.get(key), sums.get(key))
