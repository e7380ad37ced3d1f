"""The chart over time: what the reports say per bucket and model, as columns with links."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from conversations.accounting import reports
from conversations.accounting.reports import Stack
from conversations.accounting.reports.charts import OTHER, Chart, Column, Series, stacked
from conversations.accounting.reports.figures import Figures
from conversations.accounting.reports.period import Bucket
from conversations.accounting.reports.scope import Scope
from conversations.admin.usage.links import address, rows_behind

COLOURS = 8
type Measure = Callable[[Figures], Decimal | None]
MEASURES: dict[str, Measure] = {
    "usd": lambda figures: figures.cost_usd if figures.calls else figures.known_cost_usd,
    "calls": lambda figures: Decimal(figures.calls),
    "tokens": lambda figures: Decimal(figures.tokens),
}
MEASURE_TITLES = {"usd": "Cost", "calls": "Calls", "tokens": "Tokens"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the legend; `link` leads to the rows behind it, empty where it stands for several models."""

    name: str
    colour: str
    amount: Decimal | None
    link: str


@dataclass(frozen=True, slots=True)
class OverTime:
    """`columns` are the buckets of the table that says the same as the chart."""

    chart: Chart
    legend: list[Entry]
    columns: list[Column]


def chart_over_time(scope: Scope, series: reports.Series, measure: str) -> OverTime:
    """Stacked by model: the seven that cost most in colours of their own, the others in one."""
    measured = MEASURES[measure]
    own, rest = parted(sorted(series.stacks, key=lambda stack: -(measured(stack.total) or 0)))
    names = [Series(stack.title, str(place)) for place, stack in enumerate(own)]
    if rest:
        names.append(Series(f"{len(rest)} other models", OTHER))
    columns = [
        column_of(scope, bucket, place, own, rest, series.totals[place], measured)
        for place, bucket in enumerate(series.buckets)
    ]
    legend = [
        Entry(stack.title, str(place), measured(stack.total), rows_behind(scope, model=stack.key))
        for place, stack in enumerate(own)
    ]
    if rest:
        amount = measured(sum((stack.total for stack in rest), Figures()))
        legend.append(Entry(names[-1].name, OTHER, amount, address("by", scope, "model")))
    return OverTime(stacked(columns, names, measure), legend, columns)


def parted(stacks: list[Stack]) -> tuple[list[Stack], list[Stack]]:
    """Those with a colour of their own, and the rest."""
    most = COLOURS if len(stacks) <= COLOURS else COLOURS - 1
    return stacks[:most], stacks[most:]


def column_of(
    scope: Scope,
    bucket: Bucket,
    place: int,
    own: list[Stack],
    rest: list[Stack],
    total: Figures,
    measured: Measure,
) -> Column:
    zoomed = scope.zoomed(bucket)
    closer = rows_behind(zoomed) if bucket.size == "hour" else address("overview", zoomed)
    amounts = [measured(stack.figures[place]) for stack in own]
    links = [rows_behind(zoomed, model=stack.key) for stack in own]
    if rest:
        amounts.append(measured(sum((stack.figures[place] for stack in rest), Figures())))
        links.append(address("by", zoomed, "model"))
    return Column(bucket.label, bucket.title, closer, amounts, links, measured(total), total.unpriced)
