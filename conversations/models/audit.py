"""The audit log: who did what to somebody's data or to the bills, and why. Append-only."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

READING_LASTS = timedelta(minutes=15)


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def seen_by_owner(self, user_key: int) -> AuditEntryQuerySet:
        """What the owner of conversations is told: who else read or exported them.

        An export of many people's conversations names no subject: everybody is told of it.
        """
        read = models.Q(action=AuditEntry.Action.TRANSCRIPT_READ, subject_key=user_key)
        exported = models.Q(action=AuditEntry.Action.EXPORT_BEGUN)
        of_mine_or_many = models.Q(subject_key=user_key) | models.Q(subject_key=None)
        return self.filter(read | (exported & of_mine_or_many)).exclude(actor_key=user_key)

    def readings_of(self, conversation_id: UUID, owner_id: int) -> AuditEntryQuerySet:
        return self.filter(
            action=AuditEntry.Action.TRANSCRIPT_READ, subject_key=owner_id, object_key=str(conversation_id)
        )

    def still_open(self) -> AuditEntryQuerySet:
        """Readings that began so recently that the reason given still holds. By the database's clock."""
        return self.filter(created_at__gt=Now() - READING_LASTS)


class AuditEntry(models.Model):
    """One thing somebody did. People are kept as plain keys and names, so that the entry outlives their accounts."""

    class Action(models.TextChoices):
        TRANSCRIPT_READ = "transcript_read", "read a conversation"
        EXPORT_BEGUN = "export_begun", "began an export"
        EXPORT_DOWNLOADED = "export_downloaded", "downloaded an export"
        EXPORT_CANCELLED = "export_cancelled", "cancelled an export"
        ACCOUNT_DELETED = "account_deleted", "deleted an account"
        PRICE_CHANGED = "price_changed", "changed a price"
        RECOMPUTE_APPLIED = "recompute_applied", "recomputed costs"
        RECOMPUTE_REVERSED = "recompute_reversed", "took a recompute back"
        BUDGET_CHANGED = "budget_changed", "changed a budget"
        ANSWER_STOPPED = "answer_stopped", "stopped an answer"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False, db_index=True)
    action = models.CharField(max_length=30, choices=Action)
    actor_key = models.BigIntegerField(null=True, help_text="Who did it; empty when the site did.")
    actor_name = models.CharField(max_length=150, blank=True)
    subject_key = models.BigIntegerField(null=True, db_index=True, help_text="Whose data it was.")
    object_key = models.CharField(max_length=60, blank=True, help_text="Id of the conversation, export, budget, ...")
    reason = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.actor_name or 'The site'} {self.get_action_display()}"

    @classmethod
    def write(
        cls,
        action: str,
        actor: AbstractBaseUser | None,
        *,
        subject_key: int | None = None,
        object_key: object = "",
        reason: str = "",
        **details: object,
    ) -> AuditEntry:
        """The only writer. Call it in the transaction of what it is about."""
        return cls.objects.create(
            action=action,
            actor_key=actor.pk if actor else None,
            actor_name=actor.get_username() if actor else "",
            subject_key=subject_key,
            object_key=str(object_key),
            reason=reason,
            details=details,
        )
