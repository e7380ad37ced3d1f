"""Periods in the site's time zone, whose days may have 23 or 25 hours, and the buckets of a chart over time."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LONGEST_DAYS = 3_700
LONGEST_DAYS_IN_HOURS = 8
LONGEST_DAYS_IN_DAYS = 800
DEFAULT = "30d"
ROLLING = {"today": 1, "7d": 7, "30d": 30, "90d": 90}
PRESETS = {
    "today": "Today",
    "yesterday": "Yesterday",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "this-month": "This month",
    "last-month": "Last month",
    "this-year": "This year",
}
BUCKETS = ("hour", "day", "month")


# --- Time --------------------------------------------------------------------


def midnight(day: date) -> datetime:
    """The first instant of a day in the site's time zone, in UTC.

    Where clocks are put forward at midnight the day begins an hour later; that is what the conversion makes of it.
    """
    return datetime.combine(day, time(), timezone.get_default_timezone()).astimezone(UTC)


def local(moment: datetime) -> datetime:
    """The same moment, on the site's clock."""
    return moment.astimezone(timezone.get_default_timezone())


def day_of(moment: datetime) -> date:
    """The day it is in the site's time zone at that moment."""
    return local(moment).date()


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def months_later(month: date, count: int) -> date:
    """The first day of the month so many months later; earlier when `count` is negative."""
    number = month.year * 12 + month.month - 1 + count
    return date(number // 12, number % 12 + 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` to just before `end`, both aware. `name` is what stands in the address; empty for from..to."""

    start: datetime
    end: datetime
    name: str = ""

    @classmethod
    def of_days(cls, first: date, last: date, name: str = "") -> Period:
        """Whole days in the site's time zone, both included."""
        return cls(midnight(first), midnight(last + DAY), name)

    @classmethod
    def named(cls, name: str, now: datetime | None = None) -> Period:
        """The period of that name. Raises ValueError for a name that is none."""
        today = day_of(now or timezone.now())
        if name in ROLLING:
            return cls.of_days(today - (ROLLING[name] - 1) * DAY, today, name)
        if name == "yesterday":
            return cls.of_days(today - DAY, today - DAY, name)
        if name == "this-month":
            return cls._months(month_of(today), 1, name)
        if name == "last-month":
            return cls._months(months_later(today, -1), 1, name)
        if name == "this-year":
            return cls._months(date(today.year, 1, 1), 12, name)
        return cls._calendar(name)

    @classmethod
    def _calendar(cls, name: str) -> Period:
        """A year, a month or a day, written as in ISO 8601."""
        if not re.fullmatch(r"(19|20)\d\d(-\d\d(-\d\d)?)?", name):
            raise ValueError(f"no period is called {name!r}")
        year, month, day = [*map(int, name.split("-")), 0, 0][:3]
        first = date(year, month or 1, day or 1)
        return cls.of_days(first, first, name) if day else cls._months(first, 1 if month else 12, name)

    @classmethod
    def _months(cls, first: date, count: int, name: str) -> Period:
        return cls(midnight(first), midnight(months_later(first, count)), name)

    @property
    def days(self) -> float:
        """Its length in days of the calendar; a day of 23 or 25 hours is one."""
        start, end = local(self.start).replace(tzinfo=None), local(self.end).replace(tzinfo=None)
        return (end - start) / DAY

    @property
    def first_day(self) -> date:
        return day_of(self.start)

    @property
    def last_day(self) -> date:
        return day_of(self.end - timedelta(microseconds=1))

    @property
    def in_months(self) -> int:
        """How many whole calendar months it is; 0 when it is none."""
        start, end = local(self.start), local(self.end)
        if self.start != midnight(month_of(start.date())) or self.end != midnight(month_of(end.date())):
            return 0
        return (end.year - start.year) * 12 + end.month - start.month

    @property
    def title(self) -> str:
        """For people: "Last 7 days", "November 2026", "3 May 2026 to 9 May 2026"."""
        if self.name in PRESETS:
            return PRESETS[self.name]
        if len(self.name) == len("2026"):
            return self.name
        if self.in_months == 1:
            return f"{self.first_day:%B %Y}"
        if self.end - self.start == HOUR:
            return f"{local(self.start):%-d %B %Y, %H:%M} to {local(self.end):%H:%M}"
        if self.first_day == self.last_day:
            return f"{self.first_day:%-d %B %Y}"
        return f"{self.first_day:%-d %B %Y} to {self.last_day:%-d %B %Y}"

    def is_running(self, now: datetime) -> bool:
        return self.start <= now < self.end

    def previous(self, now: datetime | None = None) -> Period:
        """The one before, of the same length: the month before a month, the 7 days before 7 days.

        While this one still runs, only as much of it as has passed of this one: what has been spent by noon is
        compared with what had been spent by noon.
        """
        now = now or timezone.now()
        before = Period(self._earlier(self.start), self._earlier(self.end))
        if not self.is_running(now):
            return before
        return replace(before, end=min(max(self._earlier(now), before.start), before.end))

    def _earlier(self, moment: datetime) -> datetime:
        """The moment that is one length of this period earlier, by the calendar on the wall."""
        months = self.in_months
        wall = local(moment).replace(tzinfo=None)
        if months:
            month = months_later(month_of(wall.date()), -months)
            last = (months_later(month, 1) - DAY).day
            past = wall > wall.replace(day=1) + timedelta(days=last)
            day = month.replace(day=min(wall.day, last))
            earlier = datetime.combine(months_later(month, 1), time()) if past else datetime.combine(day, wall.time())
        elif self.end - self.start < DAY:
            return moment - (self.end - self.start)
        else:
            earlier = wall - timedelta(days=round(self.days) or 1)
        return earlier.replace(tzinfo=timezone.get_default_timezone()).astimezone(UTC)


# --- Buckets -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bucket:
    """One column of a chart over time: from `start` to just before `end`, both in UTC."""

    start: datetime
    end: datetime
    size: str

    @property
    def label(self) -> str:
        """Short, on the site's clock: "14:00", "22 Nov", "Nov 2026"."""
        pattern = {"hour": "%H:%M", "day": "%-d %b", "month": "%b %Y"}[self.size]
        return f"{local(self.start):{pattern}}"

    @property
    def title(self) -> str:
        """In full, on the site's clock: "22 November 2026, 14:00"."""
        pattern = {"hour": "%-d %B %Y, %H:%M", "day": "%A %-d %B %Y", "month": "%B %Y"}[self.size]
        return f"{local(self.start):{pattern}}"


def starts(period: Period, size: str) -> Iterator[datetime]:
    """Where the buckets of a period begin, in order; the first one begins with the period."""
    start = period.start.astimezone(UTC)
    while start < period.end:
        yield start
        start = next_start(start, size)


def next_start(start: datetime, size: str) -> datetime:
    if size == "hour":
        clock = local(start)
        return start + HOUR - timedelta(minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond)
    day = day_of(start)
    return midnight(day + DAY if size == "day" else months_later(month_of(day), 1))


def default_bucket(period: Period) -> str:
    if period.days <= 2:
        return "hour"
    return "day" if period.days <= 92 else "month"


def index_of(edges: list[datetime], moment: datetime) -> int:
    """The place of the bucket that holds the moment; `edges` are the starts of all. The first one may be cut."""
    return max(bisect_right(edges, moment) - 1, 0)
