"""The dearest conversations of a period, without adding up every row of a year: whose, when, not what was said."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet

from conversations.accounting.reports.aggregates import ExactSum
from conversations.accounting.reports.figures import Figures
from conversations.accounting.reports.names import user_name, user_names
from conversations.accounting.reports.scope import Scope
from conversations.accounting.reports.sums import (
    SUM_COLUMNS,
    Plan,
    plan_of,
    rows_within,
    sums_of_conversations,
    wanted,
)
from conversations.models import Conversation, ConversationSum

# What sums of conversations can be filtered by.
KNOWN = {"group", "model", "provider"}

SMALLEST_USD = Decimal("1e-10")
# For longer lists everything is added up.
MOST_PRUNED = 1_000

type Ranks = dict[UUID, Decimal]


@dataclass(frozen=True, slots=True)
class ConversationLine:
    """What one conversation cost in the period. `exists` is False once it has been deleted."""

    key: UUID
    user_key: int
    user: str
    exists: bool
    figures: Figures


@dataclass(frozen=True, slots=True)
class Conversations:
    """`count` is how many there are in all."""

    lines: list[ConversationLine]
    count: int


def conversations(scope: Scope, limit: int = 50, offset: int = 0) -> Conversations:
    """The conversations that cost most in the period."""
    ranked, count = dearest_conversations(scope, offset + limit)
    return Conversations(conversation_lines(scope, ranked[offset : offset + limit]), count)


def conversation_lines(scope: Scope, keys: list[UUID]) -> list[ConversationLine]:
    """What these conversations cost within the scope, in the same order."""
    found = {key: (owner, figures) for (key, owner), figures in sums_of_conversations(scope, keys).items()}
    names = user_names(owner for owner, _ in found.values())
    existing = set(Conversation.objects.filter(pk__in=keys).values_list("pk", flat=True))
    return [
        ConversationLine(key, owner, user_name(owner, names), key in existing, figures)
        for key in keys
        for owner, figures in [found[key]]
    ]


# --- finding them ------------------------------------------------------------


def dearest_conversations(scope: Scope, most: int) -> tuple[list[UUID], int]:
    """Keys of the `most` dearest, in order, and how many conversations there are in all."""
    plan = plan_of(scope.period, "day")
    if not plan.days or not scope.filters.keys() <= KNOWN:
        plan = Plan(rows=[(scope.period.start, scope.period.end)])
    costs = costs_of(rows_within(scope, plan.rows)) if plan.rows else {}
    if not plan.days:
        return ranked(costs)[:most], len(costs)
    # Those that are in rows too are added up in full. Of the others only the dearest can be among the dearest of all.
    sums = sums_within(scope, plan)
    for key, cost_usd in costs_of(sums.filter(conversation_key__in=costs)).items():
        costs[key] += cost_usd
    others = sums.exclude(conversation_key__in=costs)
    rows_each = others.order_by().values("conversation_key").annotate(rows=Count("conversation_key"))
    size = rows_each.aggregate(count=Count("conversation_key"), longest=Max("rows"))
    found = pruned(others, most, size["longest"] or 1)
    return ranked(costs | (costs_of(others, most) if found is None else found))[:most], len(costs) + size["count"]


def pruned(sums: QuerySet[ConversationSum], most: int, longest: int) -> Ranks | None:
    """The dearest and perhaps others, without adding up all; None where that cannot be known to be right.

    No conversation has more than `longest` sums. One that costs more than the `most`-th dearest sum has a sum of its
    own of at least the `longest`-th part of that, so that others need not be looked at, if enough of these do.
    """
    if most > MOST_PRUNED:
        return None
    enough = sums.order_by("-cost_usd").values_list("cost_usd", flat=True)[most - 1 : most].first()
    if not enough or enough <= 0:
        return None
    least = (enough / longest).quantize(SMALLEST_USD, ROUND_FLOOR)
    dear = sums.filter(cost_usd__gte=least).order_by().values("conversation_key")
    costs = costs_of(sums.filter(conversation_key__in=dear))
    return costs if sum(cost_usd >= enough for cost_usd in costs.values()) >= most else None


def ranked(costs: Ranks) -> list[UUID]:
    """Dearest first."""
    return sorted(costs, key=lambda key: (-costs[key], key))


def sums_within(scope: Scope, plan: Plan) -> QuerySet[ConversationSum]:
    within = Q()
    for days in plan.days:
        within |= Q(day__range=days)
    return ConversationSum.objects.filter(within, wanted(scope, SUM_COLUMNS))


def costs_of(rows: QuerySet[Any], most: int | None = None) -> Ranks:
    """Known costs by conversation, of ledger rows or sums; the `most` dearest."""
    found = rows.order_by().values("conversation_key").annotate(total_usd=ExactSum("cost_usd"))
    if most is not None:
        found = found.order_by("-total_usd", "conversation_key")[:most]
    return dict(found.values_list("conversation_key", "total_usd"))
