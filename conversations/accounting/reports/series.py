"""Figures over time, stacked by model."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from conversations.accounting.reports.figures import Figures, added_up
from conversations.accounting.reports.names import model_title, model_titles
from conversations.accounting.reports.period import Bucket, index_of
from conversations.accounting.reports.scope import Scope
from conversations.accounting.reports.sums import sums


@dataclass(frozen=True, slots=True)
class Stack:
    """One colour of a stacked chart; `figures` has one entry per bucket of the series."""

    key: str
    title: str
    figures: list[Figures]
    total: Figures


@dataclass(frozen=True, slots=True)
class Series:
    """A chart over time: the models, dearest first, and the sum of all per bucket."""

    buckets: list[Bucket]
    stacks: list[Stack]
    totals: list[Figures]


def over_time(scope: Scope) -> Series:
    """Figures per bucket of the scope, stacked by model."""
    buckets = scope.buckets()
    edges = [bucket.start for bucket in buckets]
    by_model: dict[str, list[Figures]] = defaultdict(lambda: [Figures()] * len(buckets))
    for (model, moment), figures in sums(scope, "model", size=scope.bucket).items():
        by_model[model][index_of(edges, moment)] += figures
    titles = model_titles()
    stacks = [Stack(model, model_title(model, titles), column, added_up(column)) for model, column in by_model.items()]
    stacks.sort(key=lambda stack: (-stack.total.known_cost_usd, -stack.total.calls, stack.key))
    totals = [added_up(stack.figures[number] for stack in stacks) for number in range(len(buckets))]
    return Series(buckets, stacks, totals)
