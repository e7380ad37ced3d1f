"""Models: how reliably they answer, and which of them nobody knows the price of."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, reverse

from conversations.accounting import reports
from conversations.admin.usage.downloads import download
from conversations.admin.usage.frame import Asked, for_staff, page
from conversations.admin.usage.links import address


@for_staff
def reliability(request: HttpRequest) -> HttpResponseBase:
    asked = Asked(request)
    if asked.format:
        return download("reliability", asked.format, asked.scope)
    lines = reports.reliability(asked.scope)
    return page(asked, "reliability", "Reliability", lambda scope: address("reliability", scope), lines=lines)


@for_staff
def unpriced(request: HttpRequest) -> HttpResponseBase:
    asked = Asked(request)
    if asked.format:
        return download("unpriced", asked.format, asked.scope)
    return page(
        asked,
        "unpriced",
        "Without a price",
        lambda scope: address("unpriced", scope),
        lines=reports.unpriced(asked.scope),
        add_price=add_price(request),
    )


def add_price(request: HttpRequest) -> str:
    """Address of the form for a new price; empty for those who may not add one."""
    if not request.user.has_perm("conversations.add_modelprice"):
        return ""
    try:
        return reverse("admin:conversations_modelprice_add")
    except NoReverseMatch:
        return ""
