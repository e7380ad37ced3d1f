"""Provider calls outside of runs, noted before they are made: a process that is killed leaves a trace to bill by."""

from __future__ import annotations

from datetime import timedelta

from django.db import models, transaction
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from conversations.models.budget import Reservation
from conversations.models.generation import this_boot
from conversations.models.usage import UsageRecord

# Whoever makes such a call gives up long before.
LONGEST_S = 300


class PendingCallQuerySet(models.QuerySet["PendingCall"]):
    def abandoned(self) -> PendingCallQuerySet:
        """By the database's clock."""
        return self.filter(began_at__lt=Now() - timedelta(seconds=LONGEST_S))

    def of_earlier_boots(self) -> PendingCallQuerySet:
        return self.exclude(owner=this_boot())


class PendingCall(models.Model):
    """One call that is under way. It is gone once its ledger row is booked."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.CharField(max_length=36, default=this_boot)
    user_key = models.BigIntegerField()
    conversation_key = models.UUIDField()
    model = models.CharField(max_length=200, help_text="provider:model that was asked")
    purpose = models.CharField(max_length=12, choices=UsageRecord.Purpose)
    sent_characters = models.PositiveIntegerField()
    began_at = models.DateTimeField(db_default=Now())

    objects = PendingCallQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.purpose} of {self.model} under way"

    @transaction.atomic
    def settle(self, record: UsageRecord) -> bool:
        """Book its row, once: whoever made the call or whoever found it left behind. False for the later one."""
        deleted, _ = PendingCall.objects.filter(pk=self.pk).delete()
        if deleted:
            Reservation.release(self.pk)
            UsageRecord.book([record])
        return bool(deleted)
