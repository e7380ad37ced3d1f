"""Which part of the ledger a report is about: a period in the site's time zone, its buckets, and its filters.

`ScopeForm(request.GET).scope` is always a scope: fields that say nonsense have an error in `form.errors` and count as
not given. `scope.query()` writes it back, so that every report has an address:

    period   today, yesterday, 7d, 30d, 90d, this-month, last-month, this-year, 2026, 2026-11 or 2026-11-22
    from, to instead of a period: dates, both included, or instants with an offset, the second not included
    bucket   hour, day or month; chosen by the length when not given
    user     key or name; group: key, 0 for people in no group; model: provider:model as it was asked
    provider, purpose, conversation, confidence, outcome: as in the ledger
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from conversations.accounting.reports.period import (
    BUCKETS,
    DAY,
    DEFAULT,
    LONGEST_DAYS,
    LONGEST_DAYS_IN_DAYS,
    LONGEST_DAYS_IN_HOURS,
    Bucket,
    Period,
    day_of,
    default_bucket,
    local,
    midnight,
    starts,
)
from conversations.models import UsageRecord

NO_GROUP = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """A period and what it is filtered by; None or empty means everything.

    `user` is a user's key, whether or not the account is still there; `group` a group's key or NO_GROUP; `model` is
    `provider:model` as it was asked for.
    """

    period: Period
    bucket: str = "day"
    user: int | None = None
    group: int | None = None
    model: str = ""
    provider: str = ""
    purpose: str = ""
    conversation: UUID | None = None
    confidence: str = ""
    outcome: str = ""

    @classmethod
    def of(cls, period: Period | str = DEFAULT, bucket: str = "", **filters: Any) -> Scope:
        """A scope made in code: `Scope.of("7d", user=3)`. Raises ValueError for a period that is none."""
        period = Period.named(period) if isinstance(period, str) else period
        return cls(period, bucket or default_bucket(period), **filters)

    @property
    def filters(self) -> dict[str, Any]:
        """What it is filtered by, without what is not given."""
        values = {field.name: getattr(self, field.name) for field in fields(self)[2:]}
        return {name: value for name, value in values.items() if value not in (None, "")}

    def narrowed(self, **filters: Any) -> Scope:
        """The same with other filters; None takes one away."""
        plain: dict[str, Any] = {
            name: "" if value is None and name in TEXTS else value for name, value in filters.items()
        }
        return replace(self, **plain)

    def over(self, period: Period | str) -> Scope:
        """The same of another period, in buckets that suit its length."""
        return Scope.of(period, **self.filters)

    def zoomed(self, bucket: Bucket) -> Scope:
        """The same of one bucket alone: what a column of a chart links to."""
        start = local(bucket.start)
        if bucket.size == "hour":
            return self.over(Period(bucket.start, bucket.end))
        name = f"{start:%Y-%m-%d}" if bucket.size == "day" else f"{start:%Y-%m}"
        whole = Period.named(name)
        return self.over(
            whole if (whole.start, whole.end) == (bucket.start, bucket.end) else Period(bucket.start, bucket.end)
        )

    def previous(self, now: datetime | None = None) -> Scope:
        """The same of the period before; see `Period.previous`."""
        return replace(self, period=self.period.previous(now))

    def buckets(self) -> list[Bucket]:
        """All of its period in order, empty ones too; the first and the last may be cut."""
        edges = [*starts(self.period, self.bucket), self.period.end.astimezone(UTC)]
        return [Bucket(start, end, self.bucket) for start, end in pairwise(edges)]

    def query(self, **filters: Any) -> str:
        """The query string of it, narrowed by `filters`; `ScopeForm` reads it back to an equal scope."""
        scope = self.narrowed(**filters) if filters else self
        return urlencode(scope._parameters())

    def _parameters(self) -> dict[str, str]:
        period = self.period
        if period.name:
            found = {"period": period.name}
        elif (period.start, period.end) == (midnight(period.first_day), midnight(period.last_day + DAY)):
            found = {"from": period.first_day.isoformat(), "to": period.last_day.isoformat()}
        else:
            found = {"from": local(period.start).isoformat(), "to": local(period.end).isoformat()}
        if self.bucket != default_bucket(period):
            found["bucket"] = self.bucket
        return found | {name: str(value) for name, value in self.filters.items()}


TEXTS = ("model", "provider", "purpose", "confidence", "outcome")


# --- from an address ----------------------------------------------------------


class ScopeForm(forms.Form):
    """The query string of a report. Read `scope`, which is always there, and show `errors`."""

    period = forms.CharField(required=False, max_length=20)
    to = forms.CharField(required=False, max_length=40)
    bucket = forms.ChoiceField(required=False, choices=[("", "automatic"), *((name, name) for name in BUCKETS)])
    user = forms.CharField(required=False, max_length=150)
    group = forms.CharField(required=False, max_length=150)
    model = forms.CharField(required=False, max_length=200)
    provider = forms.CharField(required=False, max_length=60)
    purpose = forms.ChoiceField(required=False, choices=[("", "any"), *UsageRecord.Purpose.choices])
    conversation = forms.UUIDField(required=False)
    confidence = forms.ChoiceField(required=False, choices=[("", "any"), *UsageRecord.Confidence.choices])
    outcome = forms.CharField(required=False, max_length=40)

    def __init__(self, query: Mapping[str, Any], now: datetime | None = None) -> None:
        super().__init__(query)
        self.now = now or timezone.now()

    @property
    def scope(self) -> Scope:
        """What the address asks for, without what makes no sense."""
        self.full_clean()
        said = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        period = said.pop("span", None) or Period.named(DEFAULT, self.now)
        bucket = said.pop("bucket", "")
        for name in ("period", "from", "to"):
            said.pop(name, None)
        return Scope.of(period, bucket if fits(bucket, period) else "", **said)

    def clean_user(self) -> int | None:
        """A key is taken as it is, so that what a deleted user spent can be found; a name must be somebody's."""
        return key_of(self.cleaned_data["user"], get_user_model(), "username", "user")

    def clean_group(self) -> int | None:
        return key_of(self.cleaned_data["group"], Group, "name", "group")

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        try:
            said["span"] = self._period(said)
        except ValidationError as error:
            self.add_error("period", error)
        if said.get("span") and not fits(said.get("bucket", ""), said["span"]):
            self.add_error("bucket", f"Too long a period for a column per {said['bucket']}.")
        return said

    def _period(self, said: dict[str, Any]) -> Period | None:
        if said.get("from") or said.get("to"):
            return between(said.get("from", ""), said.get("to", ""), self.now)
        try:
            return Period.named(said["period"], self.now) if said.get("period") else None
        except ValueError:
            raise ValidationError("This is not a period.") from None


# `from` is a word of Python, so that it cannot be written as an attribute.
ScopeForm.base_fields["from"] = forms.CharField(required=False, max_length=40)


def fits(bucket: str, period: Period) -> bool:
    """Whether a chart of so many columns can still be read, and made in time."""
    most = {"hour": LONGEST_DAYS_IN_HOURS, "day": LONGEST_DAYS_IN_DAYS}.get(bucket, LONGEST_DAYS)
    return period.days <= most


def key_of(said: str, kind: Any, name_field: str, word: str) -> int | None:
    if not said:
        return None
    if said.isdecimal() and int(said) < 2**63:
        return int(said)
    key: int | None = kind.objects.filter(**{name_field: said}).values_list("pk", flat=True).first()
    if key is None:
        raise ValidationError(f"There is no {word} of this name.")
    return key


def between(first: str, last: str, now: datetime) -> Period:
    """From..to as an address says it; today when the end is open. Raises ValidationError."""
    start = instant(first, is_end=False) if first else None
    end = instant(last, is_end=True) if last else midnight(day_of(now) + DAY)
    period = Period(start or end - 30 * DAY, end)
    if period.start >= period.end:
        raise ValidationError("The period ends before it begins.")
    if period.days > LONGEST_DAYS:
        raise ValidationError("The period is longer than ten years.")
    return period


def instant(said: str, *, is_end: bool) -> datetime:
    """A date, of which an end is the following midnight, or an instant with its offset."""
    try:
        day, moment = parse_date(said), parse_datetime(said)
        if day and date(1900, 1, 1) < day < date(2100, 1, 1):
            return midnight(day + DAY if is_end else day)
        if moment and 1900 < moment.year < 2100:
            return moment.astimezone(UTC) if moment.tzinfo else timezone.make_aware(moment).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValidationError("This is not a date.")
