"""Saving: one loop per process keeps what all its runs have written, beats for them, and hears who is to stop."""

import asyncio
import logging
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError

from chatsite.lanes import start_task
from conversations.models import DraftSegment, checkpoint

if TYPE_CHECKING:
    from conversations.generating.run import Run

log = logging.getLogger(__name__)

RUNS: "dict[UUID, Run]" = {}


BEAT_S = 1.0

_saver: asyncio.Task[None] | None = None


def ensure_saving() -> None:
    """Start the loop if it is not running."""
    global _saver
    if _saver is None or _saver.done():
        _saver = start_task(keep_saving())


async def keep_saving() -> None:
    """Checkpoint all runs of this process until there is none.

    New text waits at most CHECKPOINT_INTERVAL_S; when the models are silent the runs still beat every BEAT_S.
    """
    pending: list[DraftSegment] = []
    beaten_at = 0.0
    while RUNS:
        await asyncio.sleep(settings.CHECKPOINT_INTERVAL_S)
        running = list(RUNS.values())
        pending += [segment for run in running for segment in run.draft.unsaved(run.generation.pk)]
        if not pending and monotonic() - beaten_at < BEAT_S:
            continue
        try:
            mine, to_stop = await sync_to_async(checkpoint)([run.generation.pk for run in running], pending)
        except (OperationalError, InterfaceError) as error:
            # Text keeps flowing; what could not be saved stays pending and is tried again.
            log.warning("checkpoint of %d runs failed, will be tried again: %s", len(running), type(error).__name__)
            continue
        except DatabaseError:
            log.exception("checkpoint of %d runs was refused", len(running))
            await save_each(running, pending)
        else:
            tell(running, mine, to_stop)
        pending, beaten_at = [], monotonic()


async def save_each(running: "Iterable[Run]", pending: list[DraftSegment]) -> None:
    """One run at a time, so that text which the database refuses breaks off its own run and no other."""
    for run in running:
        own = [segment for segment in pending if segment.generation_id == run.generation.pk]
        try:
            tell([run], *await sync_to_async(checkpoint)([run.generation.pk], own))
        except DatabaseError:
            run.interrupt()


def tell(running: "Iterable[Run]", mine: set[UUID], to_stop: set[UUID]) -> None:
    """Runs that are no longer mine end without a trace; those whose user asked for it stop."""
    for run in running:
        if run.generation.pk not in mine:
            run.lose()
        elif run.generation.pk in to_stop:
            run.stop()
