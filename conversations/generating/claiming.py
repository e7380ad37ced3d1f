"""Claiming: a process that runs answers and serves no pages takes those that web processes have left to it."""

import asyncio
import logging
from contextlib import suppress

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models.functions import Now

from chatsite.lanes import in_database
from conversations.accounting.budgets import BudgetUsedUp
from conversations.generating.beginning import PENDING_GROUP, within_budgets
from conversations.generating.run import start_run
from conversations.generating.saving import RUNS
from conversations.generating.writing import BUDGET_CROSSED
from conversations.models import Generation, Reservation
from conversations.streaming.news import listen

log = logging.getLogger(__name__)

# Who has left a run to others tells them; this is for news that were lost.
LOOK_EVERY_S = 0.5

# How many runs nobody had claimed when this process looked last.
_left = 0


def left() -> int:
    return _left


async def claim(until: asyncio.Event) -> None:
    """Claim and start pending runs, as many as this process may have at a time, until it is told to end."""
    global _left
    told = asyncio.Event()
    await listen(PENDING_GROUP, lambda news: told.set())
    while not until.is_set():
        told.clear()
        try:
            while len(RUNS) < settings.RUNS_PER_PROCESS and not until.is_set():
                if not await in_database(claim_next)():
                    _left = 0
                    break
            else:
                _left = await in_database(keep_waiting)()
        except DatabaseError as error:
            log.warning("pending runs cannot be read: %s", type(error).__name__)
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await told.wait()


def claim_next() -> bool:
    """Start the run that has waited longest; False when none waits."""
    generation = Generation.objects.pending().select_related("conversation", "message__parent").first()
    if generation is None:
        return False
    if generation.claim_pending():
        start_claimed(generation)
    return True


def start_claimed(generation: Generation) -> None:
    """What it may cost was reserved when it was asked for; here it is reserved anew, for what is left by now."""
    try:
        with transaction.atomic():
            Reservation.release(generation.pk)
            asking = within_budgets(generation)
    except BudgetUsedUp as error:
        generation.finish(
            BUDGET_CROSSED.status,
            generation.saved_parts(),
            [],
            error_kind=BUDGET_CROSSED.error_kind,
            events=[{"kind": "budget", "name": error.account.budget.name}],
        )
    else:
        start_run(generation, asking)


def keep_waiting() -> int:
    """Those that wait while all places are taken are not forgotten: they beat like those that run. How many."""
    return Generation.objects.pending().update(heartbeat_at=Now())
