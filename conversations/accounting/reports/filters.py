"""What the filters of a page can offer."""

from __future__ import annotations

from dataclasses import dataclass

from conversations.accounting.reports.names import group_names, model_title, model_titles, user_names
from conversations.accounting.reports.scope import NO_GROUP, Scope
from conversations.accounting.reports.sums import sums
from conversations.models import UsageRecord


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters of a page can offer: (key, title), in the order of a list."""

    users: list[tuple[int, str]]
    groups: list[tuple[int, str]]
    models: list[tuple[str, str]]
    providers: list[str]
    purposes: list[tuple[str, str]]
    confidences: list[tuple[str, str]]
    outcomes: list[str]


def choices() -> Choices:
    """For filters: people and groups there are, and what the ledger of the last year holds."""
    titles = model_titles()
    found = sums(Scope.of("this-year", "month"), "model", "provider", "outcome", only=("calls",))
    models = sorted({model for model, _, _ in found})
    return Choices(
        users=sorted(user_names().items(), key=lambda pair: pair[1].casefold()),
        groups=[*group_names().items(), (NO_GROUP, "In no group")],
        models=[(model, model_title(model, titles)) for model in models],
        providers=sorted({provider for _, provider, _ in found}),
        purposes=[(str(value), str(label)) for value, label in UsageRecord.Purpose.choices],
        confidences=[(str(value), str(label)) for value, label in UsageRecord.Confidence.choices],
        outcomes=sorted({outcome for _, _, outcome in found}),
    )
