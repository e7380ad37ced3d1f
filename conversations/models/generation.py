"""One run of a model that writes one assistant message, the text it has saved so far, and every change of its state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from conversations.models.budget import Reservation
from conversations.models.message import Message, Part, remember
from conversations.models.prepared import Prepared, PreparedDelete, PreparedUpdate, adapted, insert
from conversations.models.signals import after_commit, answer_ended
from conversations.models.usage import UsageRecord

# Who runs what: a new id for every process, so that a restart never takes an old run for its own.
BOOT_ID = str(uuid7())
# The owner of a run that waits for a process to claim it.
NOBODY = ""


def this_boot() -> str:
    return BOOT_ID


class GenerationQuerySet(models.QuerySet["Generation"]):
    def active(self) -> GenerationQuerySet:
        return self.filter(status=Generation.Status.ACTIVE)

    def mine(self) -> GenerationQuerySet:
        return self.active().filter(owner=BOOT_ID)

    def pending(self) -> GenerationQuerySet:
        """Active, and waiting for a process that runs them; first come first."""
        return self.active().filter(owner=NOBODY).order_by("pk")

    def silent(self) -> GenerationQuerySet:
        """Active, but their process has not been heard of for a lease. By the database's clock."""
        return self.active().filter(heartbeat_at__lt=Now() - timedelta(seconds=settings.LEASE_S))

    def of_earlier_boots(self) -> GenerationQuerySet:
        return self.active().exclude(owner__in=(BOOT_ID, NOBODY))


class Generation(models.Model):
    """One run of a provider that writes one assistant message.

    ACTIVE -> COMPLETE | STOPPED | INTERRUPTED | FAILED; an ended run never changes again.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        COMPLETE = "complete"
        STOPPED = "stopped"
        INTERRUPTED = "interrupted"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="generations")
    message = models.ForeignKey(Message, models.CASCADE, related_name="generations")
    model = models.CharField(max_length=200, help_text="provider:model that was asked")
    owner = models.CharField(max_length=36, default=this_boot)
    status = models.CharField(max_length=12, choices=Status, default=Status.ACTIVE)
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    # Not indexed on purpose: an index would turn off PostgreSQL's HOT updates, and it is written every second.
    heartbeat_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    error_kind = models.CharField(max_length=40, blank=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    # What the reader is told of the way here: attempts that failed, models that stepped in, turns that were left out.
    events = models.JSONField(default=list, blank=True)

    # Whether it was made by this process, together with its message, which has no parts yet, and the question.
    is_first = False

    objects = GenerationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"], condition=models.Q(status="active"), name="one_active_run_per_conversation"
            ),
        ]
        indexes = [models.Index(fields=["owner"], condition=models.Q(status="active"), name="active_runs")]

    def __str__(self) -> str:
        return f"{self.status} run {self.pk} of {self.model}"

    @property
    def log_ids(self) -> dict[str, str]:
        """What log lines about it carry."""
        owner = self.conversation.owner_id
        return {"user": str(owner), "conversation": str(self.conversation_id), "generation": str(self.pk)}

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE

    @property
    def is_pending(self) -> bool:
        return self.is_active and self.owner == NOBODY

    @property
    def place(self) -> int:
        """Its place in the line of those that wait, from 1."""
        return Generation.objects.pending().filter(pk__lte=self.pk).count()

    # --- verbs --------------------------------------------------------------

    def leave_to_others(self) -> None:
        """Let a process of `manage.py rungenerator` claim it; in the transaction that makes it."""
        self.owner = NOBODY
        self.save(update_fields=["owner"])

    def claim_pending(self) -> bool:
        """Take it for this process. False when another one was faster."""
        mine = Generation.objects.pending().filter(pk=self.pk).update(owner=BOOT_ID, heartbeat_at=Now()) == 1
        if mine:
            self.owner = BOOT_ID
        return mine

    def request_stop(self) -> bool:
        """The user ends the run: noted in its row, from where its process picks it up. False when it had ended."""
        return Generation.objects.active().filter(pk=self.pk).update(stop_requested_at=Now()) == 1

    @transaction.atomic
    def finish(
        self,
        status: str,
        parts: list[Part],
        records: list[UsageRecord],
        *,
        error_kind: str = "",
        finish_reason: str = "",
        events: Sequence[dict[str, Any]] = (),
    ) -> bool:
        """End my own run: status, parts, ledger rows and the end of its segments in one transaction.

        False when the run is no longer mine; then nothing is written. Where it was deleted, its calls are billed
        all the same.
        """
        ending = {"status": status, "error_kind": error_kind, "finish_reason": finish_reason, "events": list(events)}
        if END_OF_MINE.run(ending, run=self.pk) == 1:
            self._keep(parts, records, **ending)
            return True
        if not Generation.objects.filter(pk=self.pk).exists():
            for record in records:
                record.generation = None
            Reservation.release(self.pk)
            UsageRecord.book(records)
        return False

    @transaction.atomic
    def claim_dead(self, records: list[UsageRecord]) -> bool:
        """Interrupt a run whose process is gone, keeping all it has saved. False when somebody else was faster."""
        parts = self.saved_parts()
        # SQLite compares times as text, and its own clock writes .120 or .000 where Python writes .120000 or nothing:
        # neither = nor <= holds for what has just been read.
        since = self.heartbeat_at + timedelta(microseconds=1)
        dead = Generation.objects.filter(owner=self.owner, heartbeat_at__lt=since).active()
        if dead.filter(pk=self.pk).update(status=self.Status.INTERRUPTED, ended_at=Now()) != 1:
            return False
        self._keep(parts, records, status=self.Status.INTERRUPTED)
        return True

    def _keep(self, parts: list[Part], records: list[UsageRecord], **ending: object) -> None:
        """What an ended run leaves. Its status was written by a guarded UPDATE: two processes cannot both come here."""
        if not self.is_first:
            self.message.parts.all().delete()
        insert([part.rendered() for part in parts])
        Reservation.release(self.pk)
        UsageRecord.book(records)
        SEGMENTS_OF_RUN.run(run=self.pk)
        for name, value in ending.items():
            setattr(self, name, value)
        remember(self.message)
        after_commit(answer_ended, Generation, generation=self)

    def ended_message(self, parts: list[Part], records: list[UsageRecord]) -> Message:
        """The message it has written, as `Conversation.branch` gives it. Of a first run, with what has been stored."""
        remember(self, usage_records=records)
        remember(self.message, generations=[self], parts=parts)
        return self.message

    # --- what it has saved --------------------------------------------------

    def saved_parts(self) -> list[Part]:
        """The message's parts with this run's segments folded in, unsaved. Offsets count within a part's text."""
        parts = {part.index: copy_of(part, self.message) for part in self.message.parts.all()}
        for segment in sorted(self.segments.all(), key=attrgetter("part", "start")):
            part = parts.setdefault(
                segment.part, Part(message=self.message, index=segment.part, kind=segment.kind, data=segment.data)
            )
            part.text = part.text[: segment.start] + segment.text
        return [parts[index] for index in sorted(parts)]


def copy_of(part: Part, message: Message) -> Part:
    return Part(message=message, index=part.index, kind=part.kind, text=part.text, data=part.data)


class DraftSegment(models.Model):
    """A saved piece of a running answer. Append-only; folded into parts when the run ends."""

    generation = models.ForeignKey(Generation, models.CASCADE, related_name="segments")
    part = models.PositiveSmallIntegerField()
    start = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=Part.Kind)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["generation", "part", "start"], name="one_segment_per_start")]

    def __str__(self) -> str:
        return f"segment {self.part}.{self.start} of {self.generation_id}"


@transaction.atomic
def checkpoint(
    running: Iterable[UUID], segments: list[DraftSegment], *, beats: bool = True
) -> tuple[set[UUID], set[UUID]]:
    """Save new text of this process's runs, and beat for all of them if that is due; read back who still owns what.

    Returns (runs that are still mine, runs whose user asked for a stop).
    """
    keys = list(running)
    if beats:
        Generation.objects.mine().filter(pk__in=keys).update(heartbeat_at=Now())
    stops: dict[Any, Any] = dict(STOPS_OF_MINE.rows())
    mine = {key for key in keys if adapted(key) in stops}
    insert([segment for segment in segments if segment.generation_id in mine])
    return mine, {key for key in mine if stops[adapted(key)] is not None}


# Locked: nobody takes one over before the transaction ends.
STOPS_OF_MINE = Prepared(lambda: Generation.objects.mine().select_for_update().values_list("pk", "stop_requested_at"))
END_OF_MINE = PreparedUpdate(
    lambda run: Generation.objects.mine().filter(pk=run),
    ("status", "error_kind", "finish_reason", "events"),
    {"ended_at": Now()},
    run=UUID(int=1),
)
SEGMENTS_OF_RUN = PreparedDelete(lambda run: DraftSegment.objects.filter(generation=run), run=UUID(int=1))
