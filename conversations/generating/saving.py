"""Saving: one loop per process keeps what all its runs have written, beats for them, and hears who is to stop."""

import asyncio
import logging
from collections.abc import Iterable
from math import inf
from time import monotonic
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError

from chatsite.garbage import collect_if_due
from chatsite.lanes import OneTask, in_database
from conversations.models import DraftSegment, checkpoint

if TYPE_CHECKING:
    from conversations.generating.run import Run

log = logging.getLogger(__name__)

RUNS: "dict[UUID, Run]" = {}


BEAT_S = 1.0

# All text that came before this moment is saved; `inf` while nothing is written.
_saved_up_to_s = inf


def unsaved_for_s() -> float:
    """For how long text may have been waiting to be saved: about the checkpoint interval when all is well."""
    return max(0.0, monotonic() - _saved_up_to_s) if RUNS else 0.0


async def keep_saving() -> None:
    """Checkpoint all runs of this process until there is none.

    New text waits at most CHECKPOINT_INTERVAL_S; whether or not there is any, the runs beat every BEAT_S.
    """
    global _saved_up_to_s
    pending: list[DraftSegment] = []
    beaten_at, _saved_up_to_s = 0.0, monotonic()
    while RUNS:
        await asyncio.sleep(settings.CHECKPOINT_INTERVAL_S)
        running, collected_at = list(RUNS.values()), monotonic()
        pending += [segment for run in running for segment in run.draft.unsaved(run.generation.pk)]
        beats = collected_at - beaten_at >= BEAT_S
        if not pending and not beats:
            _saved_up_to_s = collected_at
            continue
        try:
            keys = [run.generation.pk for run in running]
            mine, to_stop = await in_database(checkpoint)(keys, pending, beats=beats)
        except (OperationalError, InterfaceError) as error:
            # Text keeps flowing; what could not be saved stays pending and is tried again.
            log.warning("checkpoint of %d runs failed, will be tried again: %s", len(running), type(error).__name__)
            continue
        except DatabaseError:
            log.exception("checkpoint of %d runs was refused", len(running))
            await save_each(running, pending)
        else:
            tell(running, mine, to_stop)
        pending, _saved_up_to_s = [], collected_at
        if beats:
            beaten_at = collected_at
            collect_if_due(len(RUNS))
    _saved_up_to_s = inf


SAVER = OneTask(keep_saving)


async def save_each(running: "Iterable[Run]", pending: list[DraftSegment]) -> None:
    """One run at a time, so that text which the database refuses breaks off its own run and no other."""
    for run in running:
        own = [segment for segment in pending if segment.generation_id == run.generation.pk]
        try:
            tell([run], *await in_database(checkpoint)([run.generation.pk], own))
        except DatabaseError:
            run.interrupt()


def tell(running: "Iterable[Run]", mine: set[UUID], to_stop: set[UUID]) -> None:
    """Runs that are no longer mine end without a trace; those whose user asked for it stop."""
    for run in running:
        if run.generation.pk not in mine:
            run.lose()
        elif run.generation.pk in to_stop:
            run.stop()
