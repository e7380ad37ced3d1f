"""Beginning an answer: room for it, rows, what it may cost - all of it or nothing - and then the run.

The run lives in this process, or in one that claims it (`claiming.py`), as CHAT_RUNS_IN says.
"""

from collections.abc import Callable

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction

from chatsite.draining import DRAINING
from chatsite.lanes import start_task
from conversations.accounting.budgets import Demand, hard_budgets, reserve
from conversations.generating.asking import Asking, asking_for
from conversations.generating.offer import Offer, Offers
from conversations.generating.prompt import request_for
from conversations.generating.queueing import LINE
from conversations.generating.run import start_run
from conversations.generating.worst_case import worst_case
from conversations.models import Generation
from conversations.streaming.news import tell

# Processes that claim runs listen to it.
PENDING_GROUP = "pending"


class SiteBusy(Exception):
    """As many answers are being written as can be at a time, and the line is full."""


class SiteRestarting(Exception):
    """The process is about to end: what began now would soon be interrupted."""


def begun(begin: Callable[[], Generation | None], offers: Offers | None = None) -> Generation | None:
    """The run that the verb `begin` has made, started; None when it had been posted before.

    `offers` spare it the reading of the catalogue, where that has been read already.

    Raises SiteRestarting, SiteBusy, BudgetUsedUp and what the verb raises; nothing is stored then.
    """
    if DRAINING.began.is_set() and not settings.RUNS_IN_GENERATORS:
        raise SiteRestarting
    if is_full():
        raise SiteBusy
    with transaction.atomic():
        generation = begin()
        asking = within_budgets(generation, offers) if generation else None
        if generation and settings.RUNS_IN_GENERATORS:
            generation.leave_to_others()
    if generation and settings.RUNS_IN_GENERATORS:
        async_to_sync(tell_of_pending)()
    elif generation:
        start_run(generation, asking, offers)
    return generation


def is_full() -> bool:
    if settings.RUNS_IN_GENERATORS:
        return Generation.objects.pending().count() >= settings.QUEUE_LENGTH
    return LINE.is_full


async def tell_of_pending() -> None:
    start_task(tell(PENDING_GROUP, {}))


def within_budgets(generation: Generation, offers: Offers | None = None) -> Asking | None:
    """What the run may ask, reserved from all hard budgets it counts in; None when there is no such budget."""
    user_key = generation.conversation.owner_id
    budgets = hard_budgets(user_key)
    if not budgets:
        return None
    asking = asking_for(generation, offers)
    asking.keep_within(reserve(generation.pk, user_key, budgets, [demand_of(asking, offer) for offer in asking.offers]))
    return asking


def demand_of(asking: Asking, offer: Offer) -> Demand:
    request, _ = request_for(asking.turns, asking.system, offer)
    return worst_case(offer.info.id, request, offer.info.max_output_tokens)
