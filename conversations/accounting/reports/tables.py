"""Tables by one dimension, and the matrix of two. The dearest come first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model

from conversations.accounting.reports.figures import COST_AND_TOKENS, NAMES, Figures, share, total
from conversations.accounting.reports.names import group_names, model_title, model_titles, user_name, user_names
from conversations.accounting.reports.scope import NO_GROUP, Scope
from conversations.accounting.reports.sums import sums
from conversations.models import UsageRecord


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table; `share` is its share of the known cost, 0 to 1, None when nothing was spent."""

    key: int | str
    title: str
    figures: Figures
    share: float | None
    active_users: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """`dimension` is the word of the scope that a line's key belongs to. `total` is that of the scope.

    With `overlapping`, lines share rows and add up to more than the total: people in several groups count in each.
    """

    dimension: str
    lines: list[Line]
    total: Figures
    overlapping: bool = False


@dataclass(frozen=True, slots=True)
class Matrix:
    """What each user spent on each model. `cells` lacks what has no calls; keys are (user key, model)."""

    users: list[Line]
    models: list[Line]
    cells: dict[tuple[int, str], Figures]
    total: Figures


def by_user(scope: Scope, only: tuple[str, ...] = NAMES) -> Table:
    """`only` are the figures that are needed, for instance `figures.COST`; the others are 0."""
    found = {key: figures for (key,), figures in sums(scope, "user", only=only).items()}
    names = user_names()
    return table("user", {key: (user_name(key, names), figures) for key, figures in found.items()})


def by_group(scope: Scope) -> Table:
    """People in several groups count in each, people in none in a line of their own; their groups of today."""
    by_person = {key: figures for (key,), figures in sums(scope, "user").items()}
    groups = groups_of_people()
    figures_of_group: dict[int, Figures] = defaultdict(Figures)
    people_of_group: dict[int, int] = defaultdict(int)
    for key, figures in by_person.items():
        for group in groups.get(key, [NO_GROUP]):
            figures_of_group[group] += figures
            people_of_group[group] += figures.calls > 0
    names = {NO_GROUP: "In no group", **group_names()}
    whole = total(by_person)
    lines = [
        Line(key, names[key], figures, share(figures.known_cost_usd, whole.known_cost_usd), people_of_group[key])
        for key, figures in figures_of_group.items()
    ]
    return Table("group", sorted(lines, key=dearest), whole, overlapping=any(len(keys) > 1 for keys in groups.values()))


def groups_of_people() -> dict[int, list[int]]:
    """The groups of everybody who is in one, by user key; one query."""
    groups: dict[int, list[int]] = defaultdict(list)
    for person, group in get_user_model().groups.through.objects.values_list("user_id", "group_id"):
        groups[person].append(group)
    return groups


def by_model(scope: Scope) -> Table:
    titles = model_titles()
    found = sums(scope, "model")
    return table("model", {key: (model_title(key, titles), figures) for (key,), figures in found.items()})


def by_provider(scope: Scope) -> Table:
    return table("provider", {key: (key, figures) for (key,), figures in sums(scope, "provider").items()})


def by_purpose(scope: Scope) -> Table:
    found = sums(scope, "purpose")
    labels = dict(UsageRecord.Purpose.choices)
    return table("purpose", {key: (str(labels.get(key, key)), figures) for (key,), figures in found.items()})


def table(dimension: str, found: dict[Any, tuple[str, Figures]]) -> Table:
    """Lines that share no row, dearest first."""
    whole = sum((figures for _, figures in found.values()), Figures())
    lines = [
        Line(key, title, figures, share(figures.known_cost_usd, whole.known_cost_usd))
        for key, (title, figures) in found.items()
    ]
    return Table(dimension, sorted(lines, key=dearest), whole)


def dearest(line: Line) -> tuple[Decimal, int, str]:
    """The order of tables: dearest first, then most used, then by name."""
    return -line.figures.known_cost_usd, -line.figures.calls, line.title


def matrix(scope: Scope, only: tuple[str, ...] = COST_AND_TOKENS) -> Matrix:
    """Who used which model, both dearest first. `only` are the figures that are needed; the others are 0."""
    cells: dict[tuple[int, str], Figures] = sums(scope, "user", "model", only=only)
    people: dict[int, Figures] = defaultdict(Figures)
    models: dict[str, Figures] = defaultdict(Figures)
    for (person, model), figures in cells.items():
        people[person] += figures
        models[model] += figures
    names, titles = user_names(), model_titles()
    users = table("user", {key: (user_name(key, names), figures) for key, figures in people.items()})
    columns = table("model", {key: (model_title(key, titles), figures) for key, figures in models.items()})
    return Matrix(users.lines, columns.lines, cells, users.total)
