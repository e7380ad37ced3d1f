"""How the models have been doing: a page of what this process remembers. Nothing is stored, nothing can be changed."""

import os
from dataclasses import dataclass
from statistics import median
from time import monotonic

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from conversations.generating.offer import HEALTH
from conversations.models.notices import REASONS
from providers.health import Record


@dataclass(frozen=True)
class Row:
    """One model as the page shows it; `spared_for_s` is 0 while it is asked as usual, `ttft_s` the middle one.

    An answer that began and then broke off counts as begun and as failed.
    """

    model: str
    begun: int
    failed: int
    last: str
    last_ago_s: float
    spared_for_s: float
    ttft_s: float | None


def row_of(model: str, record: Record, now_s: float) -> Row:
    outcomes = list(record.outcomes)
    last = outcomes[-1]
    begun = sum(outcome.kind == "ok" for outcome in outcomes)
    ttfts = [outcome.ttft_s for outcome in outcomes if outcome.ttft_s is not None]
    return Row(
        model=model,
        begun=begun,
        failed=len(outcomes) - begun,
        last="began to answer" if last.kind == "ok" else REASONS.get(last.kind, last.kind),
        last_ago_s=now_s - last.at_s,
        spared_for_s=max(0.0, record.spared_until_s - now_s),
        ttft_s=median(ttfts) if ttfts else None,
    )


def model_health(request: HttpRequest) -> HttpResponse:
    """For staff; `admin.site.admin_view` sees to that."""
    now_s = monotonic()
    rows = [row_of(model, record, now_s) for model, record in sorted(HEALTH.records.items())]
    context = {**admin.site.each_context(request), "title": "Model health", "rows": rows, "process": os.getpid()}
    return TemplateResponse(request, "admin/model_health.html", context)
