"""The first page: a tile for each thing an admin asks for, cost over time, and who and what it went to."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.accounting import reports
from conversations.accounting.reports import Line, Stack
from conversations.accounting.reports.charts import split
from conversations.accounting.reports.figures import COST, Figures, share
from conversations.admin.usage.downloads import download
from conversations.admin.usage.frame import Asked, Link, for_staff, page, with_parameter
from conversations.admin.usage.links import address
from conversations.admin.usage.over_time import MEASURE_TITLES, chart_over_time

TOP = 6
# Colours of the token classes, in the order of what they cost.
CLASSES = {
    "fresh_input": ("fresh input", "0"),
    "cache_write": ("cache write", "2"),
    "cache_read": ("cache read", "1"),
    "output": ("output", "3"),
}


@for_staff
def overview(request: HttpRequest) -> HttpResponseBase:
    asked = Asked(request)
    scope = asked.scope
    if asked.format:
        return download("overview", asked.format, scope)
    measure = asked.word("chart", MEASURE_TITLES, otherwise="usd")
    seen = reports.overview(scope)
    figures = seen.figures
    series = reports.over_time(scope)
    return page(
        asked,
        "overview",
        "Usage",
        here=lambda other: address("overview", other, chart=measure if measure != "usd" else ""),
        seen=seen,
        figures=figures,
        tokens=split([(name, colour, getattr(figures, key)) for key, (name, colour) in CLASSES.items()]),
        over_time=chart_over_time(scope, series, measure),
        measure=measure,
        measures=[
            Link(title, with_parameter(address("overview", scope), "chart", name), here=name == measure)
            for name, title in MEASURE_TITLES.items()
        ],
        models=[line_of(stack, figures) for stack in series.stacks[:TOP]],
        users=reports.by_user(scope, COST).lines[:TOP],
        unpriced=sum(stack.total.unpriced > 0 for stack in series.stacks),
        before=scope.previous(asked.now).period,
        is_running=scope.period.is_running(asked.now),
        notices=figures.unpriced or figures.estimated or figures.uncounted,
    )


def line_of(stack: Stack, whole: Figures) -> Line:
    """A model of the chart as a line of the table by model."""
    return Line(stack.key, stack.title, stack.total, share(stack.total.known_cost_usd, whole.known_cost_usd))
