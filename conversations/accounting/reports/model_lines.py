"""Models: how reliable they are, and which of them nobody has priced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from conversations.accounting.reports.figures import Figures
from conversations.accounting.reports.names import model_title, model_titles
from conversations.accounting.reports.scope import Scope
from conversations.accounting.reports.sums import sums, unpriced_days
from conversations.accounting.reports.waits import first_token_waits, quantile


@dataclass(frozen=True, slots=True)
class Reliability:
    """How one model did. Seconds to the first token: at most 5 % off, as they come out of a histogram.

    None where no call measured it. The shares (stop_share, error_share, ...) and tokens_per_s are in `figures`.
    """

    model: str
    title: str
    provider: str
    figures: Figures
    ttft_p50_s: float | None
    ttft_p95_s: float | None


@dataclass(frozen=True, slots=True)
class Unpriced:
    """A model with calls whose cost nobody knows; days in the site's time zone, within the period."""

    model: str
    title: str
    provider: str
    figures: Figures
    first_day: date
    last_day: date


def reliability(scope: Scope) -> list[Reliability]:
    """How each model did, most used first."""
    found, waits = sums(scope, "model", "provider"), first_token_waits(scope)
    titles = model_titles()
    lines = [
        Reliability(
            model,
            model_title(model, titles),
            provider,
            figures,
            quantile(waits.get(model, {}), 0.5),
            quantile(waits.get(model, {}), 0.95),
        )
        for (model, provider), figures in found.items()
    ]
    return sorted(lines, key=lambda line: (-line.figures.calls, line.model))


def unpriced(scope: Scope) -> list[Unpriced]:
    """Models with calls that have no price, most of them first."""
    found = {key: figures for key, figures in sums(scope, "model", "provider").items() if figures.unpriced}
    days = unpriced_days(scope) if found else {}
    titles = model_titles()
    lines = [
        Unpriced(model, model_title(model, titles), provider, figures, *days[model, provider])
        for (model, provider), figures in found.items()
        if (model, provider) in days
    ]
    return sorted(lines, key=lambda line: (-line.figures.unpriced, line.model))
