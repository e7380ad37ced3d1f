"""Ending runs whose process is gone: what they saved becomes the message, Continue and Retry are offered."""

import logging

from chatsite.logs import speaking_of
from conversations.accounting.ledger import Call, answer_record, record_of
from conversations.generating.asking import asking_for
from conversations.models import Conversation, Generation, PendingCall, Reservation, UsageRecord
from conversations.models.generation import GenerationQuerySet
from conversations.models.pending_call import PendingCallQuerySet

log = logging.getLogger(__name__)


def sweep_earlier_boots() -> int:
    """At the start of the only process: every run of an earlier one is dead. Returns how many were ended."""
    bill_pending(PendingCall.objects.of_earlier_boots())
    return end_dead(Generation.objects.of_earlier_boots())


def sweep_silent() -> int:
    """Runs that have not been heard of for a lease. Returns how many were ended."""
    bill_pending(PendingCall.objects.abandoned())
    return end_dead(Generation.objects.silent())


def sweep_reservations() -> int:
    """Give back what is held for runs and calls that have ended or are gone. Returns how many held something."""
    running, calling = Generation.objects.active().values("pk"), PendingCall.objects.values("pk")
    left = Reservation.objects.exclude(generation_key__in=running).exclude(generation_key__in=calling)
    for key in (found := set(left.values_list("generation_key", flat=True))):
        Reservation.release(key)
    return len(found)


def end_dead(runs: GenerationQuerySet) -> int:
    ended = 0
    for generation in runs.select_related("conversation", "message"):
        asked = not generation.is_pending
        records = [answer_record(call_of(generation), generation, "interrupted")] if asked else []
        with speaking_of(generation.log_ids):
            if generation.claim_dead(records):
                log.warning("run was interrupted: its process is gone")
                ended += 1
    return ended


def call_of(generation: Generation) -> Call:
    """What a dead run is known to have sent and received; its ledger row is an estimate.

    Attempts that had failed before have their rows.
    """
    before = sum(len(part.text) for part in generation.message.parts.all())
    received = sum(len(part.text) for part in generation.saved_parts()) - before
    purpose = UsageRecord.Purpose.CONTINUE if before else UsageRecord.Purpose.ANSWER
    if generation.usage_records.exists():
        purpose = UsageRecord.Purpose.RETRY
    return Call(generation.model, sent=asking_for(generation).sent, received=received, purpose=purpose)


def bill_pending(calls: PendingCallQuerySet) -> None:
    """Calls outside of runs whose process is gone: they have sent their question, and may have cost something."""
    for pending in calls:
        call = Call(pending.model, sent=pending.sent_characters, purpose=pending.purpose)
        conversation = Conversation(pk=pending.conversation_key, owner_id=pending.user_key)
        record = record_of(call, conversation, "interrupted")
        record.created_at = pending.began_at
        pending.settle(record)
