"""The ledger as people read it: the list of calls, and everything about one of them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from conversations.accounting import reports
from conversations.accounting.reports.behind import ROWS
from conversations.accounting.reports.period import Period, day_of
from conversations.accounting.reports.scope import Scope
from conversations.admin.usage.downloads import download
from conversations.admin.usage.frame import Asked, admin_page_of_user, for_staff, page, sections
from conversations.admin.usage.links import address
from conversations.models import UsageRecord

PER_PAGE = 100
TEN_YEARS = timedelta(days=3650)
# What the rows of each kind are called, after their number.
KINDS = {
    "answers": "answers",
    "stops": "calls that a user stopped",
    "errors": "calls that failed",
    "retries": "retries",
    "fallbacks": "calls of a fallback",
    "estimated": "calls with estimated tokens",
    "unpriced": "calls without a price",
    "uncounted": "calls with unknown tokens",
    "cached": "calls that used a cache",
    "corrections": "corrections",
}


@for_staff
def calls(request: HttpRequest) -> HttpResponseBase:
    asked = Asked(request)
    kind = asked.word("rows", ROWS)
    if asked.format:
        return download("calls", asked.format, asked.scope, kind)
    after = request.GET.get("after", "")[:36]
    found = reports.calls(asked.scope, after or None, PER_PAGE, kind)
    figures = reports.overview(asked.scope).figures

    def here(scope: Scope, **more: Any) -> str:
        return address("calls", scope, **{"rows": kind} | more)

    return page(
        asked,
        "calls",
        "Calls",
        here,
        found=found,
        figures=figures,
        kind=kind,
        kind_title=KINDS.get(kind, ""),
        kind_count=getattr(figures, kind, None) if kind else None,
        kinds=KINDS,
        every_kind=here(asked.scope, rows=""),
        kept={"rows": kind},
        after=after,
        first=here(asked.scope),
        older=here(asked.scope, after=found.after) if found.after else "",
    )


@for_staff
def call(request: HttpRequest, key: UUID) -> HttpResponseBase:
    found = reports.call(key)
    if found is None:
        raise Http404
    asked = Asked(request)
    row = found.call
    context = {
        **admin.site.each_context(request),
        "title": "One call",
        "scope": asked.scope,
        "sections": sections(request.path, asked.scope),
        "found": found,
        "call": row,
        "user_page": admin_page_of_user(request, row.user_key),
        "price_date": UsageRecord.objects.values_list("price__as_of", flat=True).get(pk=row.key),
        "price_page": price_page(request, found.price_source),
        "confidence": UsageRecord.Confidence(row.confidence).label,
        "conversation_rows": address("calls", of_all_times(asked.now).narrowed(conversation=row.conversation_key)),
    }
    return TemplateResponse(request, "admin/usage/call.html", context)


def price_page(request: HttpRequest, source: str) -> str:
    """Where an admin's own price is shown; empty for price data, and for those who may not see prices."""
    key = source.removeprefix("override ")
    if not (key != source and key.isdecimal() and request.user.has_perm("conversations.view_modelprice")):
        return ""
    return reverse("admin:conversations_modelprice_change", args=[key])


def of_all_times(now: datetime) -> Scope:
    """As far back as an address can say."""
    today = day_of(now)
    return Scope.of(Period.of_days(today - TEN_YEARS, today))
