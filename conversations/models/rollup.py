"""Roll-ups: what the ledger's rows of a day or a month add up to. Rebuildable: never the truth, only its sums.

A sum counts only while its mark stands. Whatever adds to a day that has passed takes its marks away in the same
transaction; until somebody has rolled the day up again, reports read its rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

# As the user key of a sum: of everybody together. No user has it.
EVERYBODY = 0


class Span(models.TextChoices):
    DAY = "day"
    MONTH = "month"


class UsageSum(models.Model):
    """Sums of the rows that agree in everything a report filters by, but for the conversation.

    `start` is the first day of the span in the site's time zone. Each row of the ledger is in two sums of a span: that
    of its user, and that of EVERYBODY. `waits` are those for the first token as a histogram: calls by bucket, see
    accounting/reports/waits.py. Corrections count in money only. Money in US dollars, `timed_ms` milliseconds.
    """

    span = models.CharField(max_length=5, choices=Span)
    start = models.DateField()
    user_key = models.BigIntegerField()
    provider = models.CharField(max_length=60)
    model = models.CharField(max_length=200, help_text="As it was asked for.")
    purpose = models.CharField(max_length=12)
    outcome = models.CharField(max_length=40)
    confidence = models.CharField(max_length=10)
    calls = models.BigIntegerField()
    corrections = models.BigIntegerField()
    unpriced = models.BigIntegerField()
    uncounted = models.BigIntegerField()
    fresh_input = models.BigIntegerField()
    cache_read = models.BigIntegerField()
    cache_write = models.BigIntegerField()
    output = models.BigIntegerField()
    reasoning = models.BigIntegerField()
    cost_usd = models.DecimalField(max_digits=24, decimal_places=10)
    saved_usd = models.DecimalField(max_digits=24, decimal_places=10)
    cache_saved_usd = models.DecimalField(max_digits=24, decimal_places=10)
    timed_output = models.BigIntegerField()
    timed_ms = models.BigIntegerField()
    waits = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["span", "user_key", "start", "provider", "model", "purpose", "outcome", "confidence"],
                name="one_usage_sum",
            ),
        ]
        indexes = [
            models.Index(fields=["span", "start"], name="usage_sums_of_span"),
            models.Index(fields=["start"], condition=models.Q(span="day", unpriced__gt=0), name="days_without_price"),
        ]

    def __str__(self) -> str:
        return f"{self.span} {self.start}: {self.calls} calls of {self.model}"


class ConversationSum(models.Model):
    """What a conversation cost in a day with one model: enough to rank conversations by."""

    day = models.DateField(db_index=True)
    conversation_key = models.UUIDField()
    user_key = models.BigIntegerField()
    provider = models.CharField(max_length=60)
    model = models.CharField(max_length=200)
    calls = models.BigIntegerField()
    cost_usd = models.DecimalField(max_digits=24, decimal_places=10, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "conversation_key", "user_key", "provider", "model"], name="one_conversation_sum"
            ),
        ]
        # With all that ranking needs: PostgreSQL then reads no row.
        indexes = [models.Index(fields=["conversation_key", "day", "cost_usd"], name="conversation_sums")]

    def __str__(self) -> str:
        return f"{self.day}: {self.calls} calls in {self.conversation_key}"


class RolledSpan(models.Model):
    """The mark of a day or month whose sums equal its rows, as long as it is not `stale`.

    The mark of a span is locked by whoever rolls it up and by whoever adds to it, so that one waits for the other.
    """

    span = models.CharField(max_length=5, choices=Span)
    start = models.DateField()
    time_zone = models.CharField(max_length=60, help_text="In which the span begins and ends.")
    stale = models.BooleanField(default=False)
    rolled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["span", "start"], name="one_mark_per_span")]

    def __str__(self) -> str:
        return f"{self.span} {self.start}{', stale' if self.stale else ''}"

    @classmethod
    def spoil(cls, moments: Iterable[datetime]) -> None:
        """The sums of these moments' days and months no longer hold. Call it in the transaction that adds the rows.

        Today needs no mark: a day is rolled up an hour after its end, and no transaction lasts that long.
        """
        zone = timezone.get_default_timezone()
        today = timezone.now().astimezone(zone).date()
        days = sorted({day for day in (moment.astimezone(zone).date() for moment in moments) if day < today})
        # Days before months, each in order: whoever locks several does it in the same order.
        spans = [(Span.DAY, day) for day in days]
        spans += [(Span.MONTH, month) for month in sorted({day.replace(day=1) for day in days})]
        cls._write([cls(span=span, start=start, stale=True) for span, start in spans], ["stale"])

    @classmethod
    def claim(cls, span: str, start: date) -> RolledSpan:
        """The mark of a span, locked until the transaction ends: nobody else rolls it up or adds to it."""
        if not cls.objects.filter(span=span, start=start).exists():
            cls._write([cls(span=span, start=start, stale=True)], ["stale"])
        return cls.objects.select_for_update().get(span=span, start=start)

    def stand(self) -> None:
        """From the end of this transaction on the sums of the span count."""
        self.time_zone, self.stale, self.rolled_at = settings.TIME_ZONE, False, timezone.now()
        self.save()

    @property
    def is_of_this_zone(self) -> bool:
        return self.time_zone == settings.TIME_ZONE

    @property
    def is_valid(self) -> bool:
        return self.is_of_this_zone and not self.stale

    @classmethod
    def _write(cls, marks: list[Self], over: list[str]) -> None:
        """Insert marks, or update these columns of those there are; either way they are locked."""
        for mark in marks:
            mark.time_zone = settings.TIME_ZONE
        cls.objects.bulk_create(marks, update_conflicts=True, unique_fields=["span", "start"], update_fields=over)

    @classmethod
    def valid(cls, first: date, last: date) -> list[tuple[str, date]]:
        """(span, start) of what is rolled up, days and months that begin within these days, in order."""
        found = cls.objects.filter(start__range=(first, last), stale=False, time_zone=settings.TIME_ZONE)
        return list(found.order_by("start").values_list("span", "start"))
