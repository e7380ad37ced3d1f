"""Tables by user, group, model, provider and purpose: one view, the dimension in the address."""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from conversations.accounting import reports
from conversations.accounting.reports import Line
from conversations.accounting.reports.scope import Scope
from conversations.admin.usage.downloads import download
from conversations.admin.usage.frame import DIMENSIONS, Asked, Link, for_staff, page
from conversations.admin.usage.links import address

PER_PAGE = 100
REPORTS: dict[str, Callable[[Scope], reports.Table]] = {
    "user": reports.by_user,
    "group": reports.by_group,
    "model": reports.by_model,
    "provider": reports.by_provider,
    "purpose": reports.by_purpose,
}
# What a table can be sorted by; all but the name from the most to the least.
ORDERS: dict[str, Callable[[Line], Any]] = {
    "cost": lambda line: (-line.figures.known_cost_usd, -line.figures.calls),
    "name": lambda line: line.title.casefold(),
    "calls": lambda line: -line.figures.calls,
    "answers": lambda line: -line.figures.answers,
    "fresh-input": lambda line: -line.figures.fresh_input,
    "cache-read": lambda line: -line.figures.cache_read,
    "cache-write": lambda line: -line.figures.cache_write,
    "output": lambda line: -line.figures.output,
    "reasoning": lambda line: -line.figures.reasoning,
    "saved": lambda line: -line.figures.all_saved_usd,
    "estimated": lambda line: -line.figures.estimated_cost_usd,
    "unpriced": lambda line: -line.figures.unpriced,
}


@for_staff
def by(request: HttpRequest, dimension: str) -> HttpResponseBase:
    if dimension not in REPORTS:
        raise Http404
    asked = Asked(request)
    if asked.format:
        return download(f"by-{dimension}", asked.format, asked.scope)
    order = asked.word("sort", ORDERS, otherwise="cost")
    table = REPORTS[dimension](asked.scope)
    lines = sorted(looked_for(table.lines, asked.words), key=ORDERS[order])

    def here(scope: Scope, **more: Any) -> str:
        own = {"sort": "" if order == "cost" else order, "q": asked.words}
        return address("by", scope, dimension, **own | more)

    shown = page_of(lines, asked)
    return page(
        asked,
        "by",
        DIMENSIONS[dimension],
        here,
        table=table,
        dimension=dimension,
        shown=shown,
        count=len(lines),
        words=asked.words,
        order=order,
        orders={name.replace("-", "_"): here(asked.scope, sort=name) for name in ORDERS},
        kept={"sort": "" if order == "cost" else order},
        pages=page_links(shown, lambda number: here(asked.scope, page=number)),
    )


def looked_for(lines: Sequence[Line], words: str) -> Sequence[Line]:
    """The lines whose name has all the words in it."""
    wanted = words.casefold().split()
    return [line for line in lines if all(word in line.title.casefold() for word in wanted)]


def page_of[Each](lines: Sequence[Each], asked: Asked, per_page: int = PER_PAGE) -> "Page[Each]":
    return Paginator(lines, per_page).get_page(asked.page_number())


def page_links(shown: "Page[Any]", link: Callable[[int], str]) -> list[Link]:
    """Ways to the page before and the one after, as far as there are any."""
    links = []
    if shown.has_previous():
        links.append(Link("‹ Previous", link(shown.previous_page_number())))
    if shown.has_next():
        links.append(Link("Next ›", link(shown.next_page_number())))
    return links
