"""The week in figures: what it cost, who and what it went to, what went wrong, and all of it as a table to keep.

Once per week from Monday 08:00 on, in the site's time zone. A week nobody used the site in has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from conversations.accounting.alerts.finding import Finding
from conversations.accounting.alerts.letters import address, usd
from conversations.accounting.reports import Overview, Table, Unpriced, by_model, by_user, overview, unpriced
from conversations.accounting.reports.columns import lines
from conversations.accounting.reports.figures import Figures
from conversations.accounting.reports.period import DAY, Period, day_of, local
from conversations.accounting.reports.scope import Scope
from conversations.accounting.reports.sums import sums
from conversations.models import Alert

HOUR = 8
LONGEST_LIST = 5


@dataclass(frozen=True, slots=True)
class Top:
    """One line of a short list."""

    title: str
    cost: str
    calls: int


@dataclass(frozen=True, slots=True)
class Digest:
    """What the mail says. The lists are the dearest first, at most so many; the table has everything."""

    week: Period
    overview: Overview
    models: list[Top]
    users: list[Top]
    unpriced: list[Unpriced]
    alerts: list[Alert]
    link: str

    @property
    def cost(self) -> str:
        return cost_of(self.overview.figures)

    @property
    def compared(self) -> str:
        """The change on the week before, in words."""
        change = self.overview.change("known_cost_usd")
        if change is None:
            return "nothing was spent in the week before"
        if abs(change) < 0.005:
            return "as much as in the week before"
        return f"{abs(change):.0%} {'more' if change > 0 else 'less'} than in the week before"


def due_digest(now: datetime | None = None) -> Finding | None:
    """The digest of last week, from Monday 08:00 on; None while there is none to send, or it has been raised."""
    now = now or timezone.now()
    week = week_before(now)
    if local(now) < local(week.end).replace(hour=HOUR):
        return None
    if Alert.objects.filter(kind=Alert.Kind.DIGEST, first_day=week.first_day).exists():
        return None
    figures = sum(sums(Scope.of(week)).values(), Figures())
    if not figures.calls:
        return None
    cost = cost_of(figures)
    title = f"The week of {week.title}: {'cost ' if cost == 'unknown' else ''}{cost}"
    return Finding(Alert.Kind.DIGEST, "site", week.first_day, title, {"cost": cost, "calls": figures.calls})


def week_before(now: datetime) -> Period:
    """The last whole week, Monday to Sunday."""
    today = day_of(now)
    monday = today - today.weekday() * DAY
    return Period.of_days(monday - 7 * DAY, monday - DAY)


def digest_of(alert: Alert) -> Digest:
    """What the ledger says about the alert's week at this moment."""
    week = Period.of_days(alert.first_day, alert.first_day + 6 * DAY)
    scope = Scope.of(week)
    raised = Alert.objects.filter(created_at__gte=week.start, created_at__lt=week.end)
    return Digest(
        week=week,
        overview=overview(scope, week.end),
        models=tops(by_model(scope)),
        users=tops(by_user(scope)),
        unpriced=unpriced(scope),
        alerts=list(raised.exclude(kind__in=(Alert.Kind.DIGEST, Alert.Kind.TEST))[:20]),
        link=report_of(week),
    )


def tops(table: Table) -> list[Top]:
    dearest = table.lines[:LONGEST_LIST]
    return [Top(line.title, cost_of(line.figures), line.figures.calls) for line in dearest]


def cost_of(figures: Figures) -> str:
    """Never zero for unknown."""
    return "unknown" if figures.cost_usd is None else usd(figures.cost_usd)


def report_of(week: Period) -> str:
    query = {"from": str(week.first_day), "to": str(week.last_day)}
    return address("usage_reports:overview", query=query)


def table_of(week: Period) -> str:
    """The week as CSV, a line for each person and model, in the columns of all reports."""
    return "".join(lines("matrix", "csv", Scope.of(week)))
