"""An export of conversations that a worker writes, and every change of its state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

SILENT_AFTER_S = 20
# A worker that dies this often without getting any further is not sent after the job again.
MOST_CLAIMS = 5


class ExportJobQuerySet(models.QuerySet["ExportJob"]):
    def unfinished(self) -> ExportJobQuerySet:
        return self.filter(status__in=(ExportJob.Status.PENDING, ExportJob.Status.RUNNING))

    def silent(self) -> ExportJobQuerySet:
        """Waiting or running, and not heard of for a while: its worker, or the message to it, is gone."""
        return self.unfinished().filter(heartbeat_at__lt=Now() - timedelta(seconds=SILENT_AFTER_S))

    def with_files(self) -> ExportJobQuerySet:
        return self.filter(status__in=(ExportJob.Status.PENDING, ExportJob.Status.RUNNING, ExportJob.Status.DONE))

    def outdated(self) -> ExportJobQuerySet:
        return self.filter(status=ExportJob.Status.DONE, expires_at__lt=Now())


class ExportJob(models.Model):
    """PENDING -> RUNNING -> DONE -> EXPIRED; PENDING | RUNNING -> CANCELLED | FAILED.

    A worker claims the job and gets a token; whatever it does to the row afterwards names that token, so a worker that
    was thought dead and comes back changes nothing. `written` says how much of which file counts (exporting/spool.py).
    """

    class Status(models.TextChoices):
        PENDING = "pending", "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    class Format(models.TextChoices):
        ARCHIVE = "archive", "Archive (ZIP with everything)"
        MARKDOWN = "markdown", "Markdown (ZIP, a file per conversation)"
        HTML = "html", "HTML (ZIP, printable pages)"
        CSV = "csv", "CSV (a row per message)"
        JSONL = "jsonl", "JSONL (a message per line)"
        FINE_TUNING = "fine_tuning", "Fine-tuning JSONL (OpenAI)"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="export_jobs")
    everybody = models.BooleanField(default=False, help_text="Not only the requester's own conversations.")
    filters = models.JSONField(default=dict, blank=True)
    format = models.CharField(max_length=12, choices=Format)
    pseudonymise = models.BooleanField(default=False)
    reason = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    token = models.UUIDField(null=True, editable=False, help_text="Of the worker that has it.")
    claims = models.PositiveSmallIntegerField(default=0, help_text="Since it last got any further.")
    # Not indexed on purpose, as Generation.heartbeat_at.
    heartbeat_at = models.DateTimeField(db_default=Now())
    total = models.PositiveIntegerField(null=True, help_text="Conversations.")
    done = models.PositiveIntegerField(default=0, help_text="Conversations.")
    messages = models.PositiveIntegerField(default=0)
    position = models.UUIDField(null=True, help_text="The last conversation that is written.")
    written = models.JSONField(default=list, blank=True)
    file = models.CharField(max_length=100, blank=True)
    bytes = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = ExportJobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["requested_by", "-created_at"], name="exports_of_user"),
            models.Index(
                fields=["created_at"], condition=models.Q(status__in=("pending", "running")), name="unfinished_exports"
            ),
        ]
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.status} {self.format} export {self.pk}"

    @property
    def is_unfinished(self) -> bool:
        return self.status in (self.Status.PENDING, self.Status.RUNNING)

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100: the last hundredth is for putting the file together."""
        if self.status in (self.Status.DONE, self.Status.EXPIRED):
            return 100
        return min(99, 99 * self.done // self.total) if self.total else 0

    # --- verbs of a worker --------------------------------------------------

    def claim(self) -> bool:
        """Take the job up: one that waits, or one whose worker is gone. False when somebody else has it."""
        token = uuid7()
        free = models.Q(status=self.Status.PENDING) | models.Q(
            status=self.Status.RUNNING, heartbeat_at__lt=Now() - timedelta(seconds=SILENT_AFTER_S)
        )
        changes = {"status": self.Status.RUNNING, "token": token, "claims": models.F("claims") + 1}
        if ExportJob.objects.filter(free, pk=self.pk).update(heartbeat_at=Now(), **changes) != 1:
            return False
        self.refresh_from_db()
        return True

    def has_total(self, total: int) -> bool:
        self.total = total
        return self._mine().update(total=total, heartbeat_at=Now()) == 1

    def checkpoint(self, position: UUID, done: int, messages: int, written: list[dict[str, Any]]) -> bool:
        """What is on the disk counts from here on. False when the job is no longer mine: cancelled, or taken over."""
        self.position, self.done, self.messages, self.written = position, done, messages, written
        changes = {"position": position, "done": done, "messages": messages, "written": written, "claims": 0}
        return self._mine().update(heartbeat_at=Now(), **changes) == 1

    def beat(self) -> bool:
        """Sign of life; False when the job is no longer mine."""
        return self._mine().update(heartbeat_at=Now()) == 1

    def finish(self, file: str, size: int, sha256: str) -> bool:
        kept_for = timedelta(days=settings.EXPORT_DAYS)
        return self._end(
            self._mine(), self.Status.DONE, file=file, bytes=size, sha256=sha256, expires_at=Now() + kept_for
        )

    def fail(self, error: str) -> bool:
        return self._end(self._mine(), self.Status.FAILED, error=error)

    # --- verbs of everybody -------------------------------------------------

    def cancel(self) -> bool:
        """False when it had ended."""
        return self._end(ExportJob.objects.unfinished(), self.Status.CANCELLED)

    def give_up(self) -> bool:
        """Its workers die and die."""
        error = "The export was begun several times and never got any further. An admin can look into the log."
        worn_out = ExportJob.objects.silent().filter(claims__gte=MOST_CLAIMS)
        return self._end(worn_out, self.Status.FAILED, error=error)

    def ask_again(self) -> bool:
        """The sweep sends a worker for it; while it waits in line it is not asked for again at every sweep."""
        waiting = ExportJob.objects.silent().filter(pk=self.pk)
        if self.status == self.Status.PENDING:
            return waiting.update(heartbeat_at=Now()) == 1
        return waiting.exists()

    def expire(self) -> bool:
        return ExportJob.objects.outdated().filter(pk=self.pk).update(status=self.Status.EXPIRED) == 1

    def _mine(self) -> ExportJobQuerySet:
        return ExportJob.objects.filter(pk=self.pk, status=self.Status.RUNNING, token=self.token)

    def _end(self, whose: ExportJobQuerySet, status: str, **fields: object) -> bool:
        """One guarded UPDATE: of two that end a job at the same time one wins."""
        if whose.filter(pk=self.pk).update(status=status, finished_at=Now(), **fields) != 1:
            return False
        self.status = status
        return True
