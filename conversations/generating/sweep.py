"""Ending runs whose process is gone: what they saved becomes the message, Continue and Retry are offered."""

import logging

from conversations.accounting.ledger import Call, answer_record
from conversations.generating.asking import asking_for
from conversations.models import Generation, UsageRecord
from conversations.models.generation import GenerationQuerySet

log = logging.getLogger(__name__)


def sweep_earlier_boots() -> int:
    """At the start of the only process: every run of an earlier one is dead. Returns how many were ended."""
    return end_dead(Generation.objects.of_earlier_boots())


def sweep_silent() -> int:
    """Runs that have not been heard of for a lease. Returns how many were ended."""
    return end_dead(Generation.objects.silent())


def end_dead(runs: GenerationQuerySet) -> int:
    ended = 0
    for generation in runs.select_related("conversation", "message"):
        if generation.claim_dead([answer_record(call_of(generation), generation, "interrupted")]):
            log.warning("run %s was interrupted: its process is gone", generation.pk)
            ended += 1
    return ended


def call_of(generation: Generation) -> Call:
    """What a dead run is known to have sent and received; its ledger row is an estimate."""
    before = sum(len(part.text) for part in generation.message.parts.all())
    received = sum(len(part.text) for part in generation.saved_parts()) - before
    purpose = UsageRecord.Purpose.CONTINUE if before else UsageRecord.Purpose.ANSWER
    return Call(generation.model, sent=asking_for(generation).sent, received=received, purpose=purpose)
