"""The ledger: one append-only row per provider call. Deleting a conversation or a user changes no bill."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.db import models, transaction
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from conversations.models.rollup import RolledSpan
from conversations.models.signals import after_commit, calls_booked

# The classes of tokens that have prices; and all that are counted: reasoning is within output.
PRICED_CLASSES = ("fresh_input", "cache_read", "cache_write", "output")
TOKEN_CLASSES = (*PRICED_CLASSES, "reasoning")


def first_known(values: Iterable[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)


class UsageRecord(models.Model):
    """What one provider call used and cost. User and conversation are plain keys, so that the row outlives both.

    `input` = fresh_input + cache_read + cache_write; `reasoning` is within `output`; all are tokens.
    `cost_usd` is null when the model has no known price - never zero for unknown. It is filled in once, when a price
    becomes known; a price that was wrong is put right by another row, the correction: no tokens, the difference as
    `cost_usd`, everything else as in the row it `corrects`, `created_at` too, so that it counts in the same day.
    """

    class Purpose(models.TextChoices):
        ANSWER = "answer"
        RETRY = "retry"
        FALLBACK = "fallback"
        CONTINUE = "continue"
        TITLE = "title"

    class Confidence(models.TextChoices):
        REPORTED = "reported", "reported by the provider"
        ESTIMATED = "estimated", "estimated from the text"
        PARTIAL = "partial", "input reported, output estimated"
        UNKNOWN = "unknown"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False, db_index=True, help_text="When it was used.")
    recorded_at = models.DateTimeField(db_default=Now(), editable=False, help_text="When it was written here.")
    corrects = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, editable=False, related_name="corrections", db_constraint=False
    )
    user_key = models.BigIntegerField()
    conversation_key = models.UUIDField()
    generation = models.ForeignKey(
        "Generation", models.DO_NOTHING, null=True, related_name="usage_records", db_constraint=False
    )
    provider = models.CharField(max_length=60)
    model_asked = models.CharField(max_length=200)
    model_answered = models.CharField(max_length=200, blank=True)
    purpose = models.CharField(max_length=12, choices=Purpose)
    outcome = models.CharField(max_length=40, help_text="A run's status, or the kind of error that ended the call.")
    fresh_input = models.PositiveIntegerField(null=True)
    cache_read = models.PositiveIntegerField(null=True)
    cache_write = models.PositiveIntegerField(null=True)
    output = models.PositiveIntegerField(null=True)
    reasoning = models.PositiveIntegerField(null=True)
    sent_characters = models.PositiveIntegerField(null=True)
    received_characters = models.PositiveIntegerField(null=True)
    confidence = models.CharField(max_length=10, choices=Confidence)
    price = models.JSONField(null=True, help_text="USD per million tokens of each class, as known at the time.")
    cost_usd = models.DecimalField(max_digits=18, decimal_places=10, null=True)
    saved_usd = models.DecimalField(
        max_digits=18, decimal_places=10, null=True, help_text="What an answer from the cache would have cost."
    )
    ttft_s = models.FloatField(null=True, help_text="Seconds to the first visible token.")
    duration_s = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(reasoning__lte=models.F("output")) | models.Q(reasoning=None),
                name="reasoning_is_within_output",
            ),
        ]
        indexes = [
            models.Index(fields=["user_key", "created_at"], name="usage_of_user"),
            models.Index(fields=["conversation_key"], name="usage_of_conversation"),
            models.Index(fields=["created_at"], condition=models.Q(cost_usd=None), name="usage_without_price"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.model_asked}"

    @classmethod
    @transaction.atomic(savepoint=False)
    def book(cls, records: Iterable[UsageRecord]) -> None:
        """The only way into the ledger: the rows, and whatever must change with them or not at all."""
        records = list(records)
        for record in records:
            record.save(force_insert=True)
        RolledSpan.spoil(record.created_at for record in records)
        settle_budgets(records)
        after_commit(calls_booked, cls, records=records)

    @classmethod
    @transaction.atomic
    def fill_prices(cls, priced: Iterable[tuple[UsageRecord, dict[str, str], Decimal]]) -> int:
        """The only way to price rows that are in the ledger, (row, price, cost in US dollars) each: never bypass it.

        A row that has a price by now is passed over. What must follow comes once for all. Returns how many were filled.
        """
        filled = []
        for record, price, cost_usd in priced:
            unpriced = cls.objects.filter(pk=record.pk, cost_usd=None, corrects=None)
            if unpriced.update(price=price, cost_usd=cost_usd) == 1:
                record.price, record.cost_usd = price, cost_usd
                filled.append(record)
        RolledSpan.spoil(record.created_at for record in filled)
        settle_budgets(filled)
        return len(filled)

    @classmethod
    def total_of(cls, records: Sequence[UsageRecord]) -> UsageRecord | None:
        """All calls of one answer as one, unsaved: sums, unknown when any part of a sum is; its cost as corrected."""
        if not records:
            return None
        calls = [record for record in records if record.corrects_id is None] or records
        last = max(calls, key=lambda record: record.pk)
        total = cls(model_answered=last.model_answered, ttft_s=first_known(record.ttft_s for record in calls))
        for name, rows in (*((name, calls) for name in (*TOKEN_CLASSES, "duration_s")), ("cost_usd", records)):
            values = [getattr(record, name) for record in rows]
            setattr(total, name, None if None in values else sum(values))
        certain = all(record.confidence == cls.Confidence.REPORTED for record in calls)
        total.confidence = cls.Confidence.REPORTED if certain else last.confidence
        return total

    @property
    def tokens_in(self) -> int | None:
        """All input tokens, cached or not; None when unknown."""
        if self.fresh_input is None:
            return None
        return self.fresh_input + (self.cache_read or 0) + (self.cache_write or 0)


def settle_budgets(records: Iterable[UsageRecord]) -> None:
    from conversations.models.budget import settle  # here, because it counts the ledger and so imports it first

    settle(records)
