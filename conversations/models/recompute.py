"""Putting right what was booked at a wrong price: by more rows, never by another value in an old one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from uuid_utils.compat import uuid7

from conversations.models.audit import AuditEntry
from conversations.models.price import NAMED_BY_PROVIDER
from conversations.models.usage import UsageRecord


class RecomputeQuerySet(models.QuerySet["Recompute"]):
    def abandoned(self) -> RecomputeQuerySet:
        """Work to do, and nobody has been heard of doing it for a lease. By the database's clock."""
        quiet = models.Q(heartbeat_at__lt=Now() - timedelta(seconds=settings.LEASE_S)) | models.Q(heartbeat_at=None)
        return self.filter(quiet, status__in=Recompute.WORKING)


class Recompute(models.Model):
    """Putting right what calls cost, by correction rows: counted first, then applied, and taken back if need be.

    DRAFT -> COUNTED -> APPLYING -> APPLIED -> REVERSING -> REVERSED; COUNTED -> DRAFT when a price has changed since.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "being counted"
        COUNTED = "counted", "counted, not applied"
        APPLYING = "applying", "being applied"
        APPLIED = "applied", "applied"
        REVERSING = "reversing", "being taken back"
        REVERSED = "reversed", "taken back"

    WORKING = (Status.DRAFT, Status.APPLYING, Status.REVERSING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.CharField(
        max_length=200,
        blank=True,
        validators=[NAMED_BY_PROVIDER],
        help_text="provider:model, as asked or as it answered; empty: all models.",
    )
    begins_at = models.DateTimeField("from", help_text="Calls from here on ...")
    ends_at = models.DateTimeField("to", default=timezone.now, help_text="... and before this.")
    reason = models.CharField(max_length=200, help_text="What was wrong; it goes to the audit log.")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    heartbeat_at = models.DateTimeField(null=True, editable=False)
    # One at a time is applied or taken back: a constraint says so.
    lane = models.PositiveSmallIntegerField(default=1, editable=False)
    # The last row that was worked on: ids begin with their time, and go on where another worker was killed.
    position = models.UUIDField(null=True, editable=False)
    # What the dry run found: {model: {"rows", "old_usd", "new_usd", "unpriced"}}, and by which prices it was counted.
    counted = models.JSONField(default=dict, editable=False)
    prices = models.CharField(max_length=100, blank=True, editable=False)
    applied_at = models.DateTimeField(null=True, editable=False)
    reversed_at = models.DateTimeField(null=True, editable=False)

    objects = RecomputeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("begins_at")), name="recompute_ends_later"),
            models.UniqueConstraint(
                fields=["lane"],
                condition=models.Q(status__in=["applying", "reversing"]),
                name="one_recompute_at_work",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model or 'All models'}, {self.begins_at:%Y-%m-%d} to {self.ends_at:%Y-%m-%d}"

    @property
    def is_working(self) -> bool:
        return self.status in self.WORKING

    # --- verbs --------------------------------------------------------------

    def store_count(self, counted: dict[str, dict[str, object]], prices: str) -> bool:
        """The dry run is done. False when another worker was faster."""
        return self._move(self.Status.DRAFT, self.Status.COUNTED, counted=counted, prices=prices)

    def count_again(self) -> bool:
        return self._move(self.Status.COUNTED, self.Status.DRAFT)

    def apply(self, actor: AbstractBaseUser | None) -> bool:
        """Begin to book the corrections that were counted. False when it is not there to be applied, or must wait."""
        return self._begin(self.Status.COUNTED, self.Status.APPLYING, AuditEntry.Action.RECOMPUTE_APPLIED, actor)

    def take_back(self, actor: AbstractBaseUser | None) -> bool:
        """Begin to book the opposite of every correction. False when it is not applied, must wait, or is built upon."""
        if self.built_upon():
            return False
        return self._begin(self.Status.APPLIED, self.Status.REVERSING, AuditEntry.Action.RECOMPUTE_REVERSED, actor)

    def applied_fully(self) -> bool:
        return self._move(self.Status.APPLYING, self.Status.APPLIED, applied_at=Now())

    def reversed_fully(self) -> bool:
        return self._move(self.Status.REVERSING, self.Status.REVERSED, reversed_at=Now())

    def beat(self, position: UUID | None) -> None:
        """Still at work; everything up to the row `position` is done."""
        Recompute.objects.filter(pk=self.pk).update(heartbeat_at=Now(), position=position)
        self.position = position

    def built_upon(self) -> bool:
        """A later recompute has corrected some of the same rows: that one has to be taken back first."""
        later = Correction.objects.filter(
            reverses=False, pk__gt=models.OuterRef("pk"), record=models.OuterRef("record")
        )
        standing = later.exclude(recompute=self.pk).filter(recompute__status__in=["applying", "applied", "reversing"])
        return Correction.objects.filter(models.Exists(standing), recompute=self, reverses=False).exists()

    # --- inside -------------------------------------------------------------

    def _move(self, before: str, after: str, **fields: object) -> bool:
        """The only writer of `status`: one guarded UPDATE. Work on the new state begins at the first row."""
        mine = Recompute.objects.filter(pk=self.pk, status=before)
        if mine.update(status=after, position=None, heartbeat_at=None, **fields) != 1:
            return False
        self.status, self.position = after, None
        return True

    def _begin(self, before: str, after: str, action: str, actor: AbstractBaseUser | None) -> bool:
        """Move, and say so in the audit log. False while another recompute is at work: it may touch the same rows."""
        try:
            with transaction.atomic():
                if not self._move(before, after):
                    return False
                AuditEntry.write(
                    action,
                    actor,
                    object_key=self.pk,
                    reason=self.reason,
                    model=self.model,
                    begins_at=self.begins_at.isoformat(),
                    ends_at=self.ends_at.isoformat(),
                    counted=self.counted,
                )
        except IntegrityError:
            self.status = before
            return False
        return True


class Correction(models.Model):
    """Which row a recompute has corrected, and by which ledger row: once, and at most once taken back."""

    recompute = models.ForeignKey(Recompute, models.PROTECT, related_name="corrections")
    record = models.ForeignKey(UsageRecord, models.DO_NOTHING, related_name="+", db_constraint=False)
    booked = models.ForeignKey(UsageRecord, models.DO_NOTHING, related_name="+", db_constraint=False)
    reverses = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recompute", "record", "reverses"], name="one_correction_per_row"),
        ]

    def __str__(self) -> str:
        return f"correction of {self.record_id}"
