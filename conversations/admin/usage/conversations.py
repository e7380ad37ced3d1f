"""Conversations by what they cost: ids and owners, never what was said, nor titles, which tell what it was about."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.accounting import reports
from conversations.accounting.reports.scope import Scope
from conversations.admin.usage.downloads import download
from conversations.admin.usage.frame import Asked, Link, for_staff, page
from conversations.admin.usage.links import address

PER_PAGE = 50


@for_staff
def conversations(request: HttpRequest) -> HttpResponseBase:
    asked = Asked(request)
    if asked.format:
        return download("conversations", asked.format, asked.scope)
    number = asked.page_number()
    found = reports.conversations(asked.scope, limit=PER_PAGE, offset=(number - 1) * PER_PAGE)

    def here(scope: Scope, **more: Any) -> str:
        return address("conversations", scope, **more)

    links = [Link("‹ Previous", here(asked.scope, page=number - 1))] if number > 1 else []
    if number * PER_PAGE < found.count:
        links.append(Link("Next ›", here(asked.scope, page=number + 1)))
    return page(asked, "conversations", "Conversations", here, found=found, pages=links)
