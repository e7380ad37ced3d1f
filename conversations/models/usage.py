"""The ledger: one append-only row per provider call. Deleting a conversation or a user changes no bill."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

SUMMED = ("fresh_input", "cache_read", "cache_write", "output", "reasoning")


def first_known(values: Iterable[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)


class UsageRecord(models.Model):
    """What one provider call used and cost. User and conversation are plain keys, so that the row outlives both.

    `input` = fresh_input + cache_read + cache_write; `reasoning` is within `output`; all are tokens.
    `cost_usd` is null when the model has no known price - never zero for unknown.
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
    created_at = models.DateTimeField(db_default=Now(), editable=False, db_index=True)
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

    def __str__(self) -> str:
        return f"{self.purpose} of {self.model_asked}"

    @classmethod
    def total_of(cls, records: Sequence[UsageRecord]) -> UsageRecord | None:
        """All calls of one answer as one, unsaved: sums, unknown when any part of a sum is. None without calls."""
        if not records:
            return None
        last = max(records, key=lambda record: record.pk)
        total = cls(model_answered=last.model_answered, ttft_s=first_known(record.ttft_s for record in records))
        for name in (*SUMMED, "cost_usd", "duration_s"):
            values = [getattr(record, name) for record in records]
            setattr(total, name, None if None in values else sum(values))
        certain = all(record.confidence == cls.Confidence.REPORTED for record in records)
        total.confidence = cls.Confidence.REPORTED if certain else last.confidence
        return total

    @property
    def tokens_in(self) -> int | None:
        """All input tokens, cached or not; None when unknown."""
        if self.fresh_input is None:
            return None
        return self.fresh_input + (self.cache_read or 0) + (self.cache_write or 0)
