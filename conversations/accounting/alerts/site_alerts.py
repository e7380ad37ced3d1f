"""What is unusual about the whole site: a dear day, a month that will end too high, a model without a price."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from statistics import median

from django.conf import settings

from conversations.accounting.alerts.finding import Finding, rounded
from conversations.accounting.alerts.pace import at_month_end
from conversations.accounting.reports import Series, over_time
from conversations.accounting.reports.period import DAY, Period, day_of, month_of, months_later
from conversations.accounting.reports.scope import Scope
from conversations.models import Alert

# Days before that say what is usual, and how many of them must have cost anything.
USUAL_DAYS = 28
FEWEST_USUAL_DAYS = 5
# A month is compared with the one before only when that one was used from its first week on.
FIRST_WEEK = 7


def findings(now: datetime) -> Iterator[Finding]:
    """Yesterday is looked at once more: nobody may have looked before midnight."""
    today = day_of(now)
    first = min(months_later(month_of(today), -1), today - (USUAL_DAYS + 1) * DAY)
    series = over_time(Scope.of(Period.of_days(first, today), "day"))
    days = [day_of(bucket.start) for bucket in series.buckets]
    costs = {day: figures.known_cost_usd for day, figures in zip(days, series.totals, strict=True)}
    for day in (today - DAY, today):
        yield from of_day(day, costs)
    yield from of_month(now, costs)
    yield from of_models(series, month_of(today))


def of_day(day: date, costs: dict[date, Decimal]) -> Iterator[Finding]:
    """A day above so many times the median of the days before that cost anything."""
    before = [costs.get(day - number * DAY, Decimal(0)) for number in range(1, USUAL_DAYS + 1)]
    spending = [usd for usd in before if usd > 0]
    cost = costs.get(day, Decimal(0))
    if len(spending) < FEWEST_USUAL_DAYS or cost < settings.ALERT_MINIMUM_USD:
        return
    usual = median(spending)
    if cost > usual * settings.ALERT_SPIKE:
        yield Finding(
            Alert.Kind.SPIKE,
            "site",
            day,
            f"{day:%A} costs {cost / usual:.1f} times as much as usual",
            {"spent_usd": str(cost), "usual_usd": rounded(usual), "times": f"{cost / usual:.1f}", "day": str(day)},
        )


def of_month(now: datetime, costs: dict[date, Decimal]) -> Iterator[Finding]:
    """The site's month, when it will cost so many times as much as the one before."""
    month = month_of(day_of(now))
    last_month = months_later(month, -1)
    spent = sum((usd for day, usd in costs.items() if day >= month), Decimal(0))
    before = sum((usd for day, usd in costs.items() if month_of(day) == last_month), Decimal(0))
    used_early = any(costs.get(last_month + number * DAY) for number in range(FIRST_WEEK))
    end_usd = at_month_end(spent, month, now)
    if end_usd is None or not used_early or end_usd < settings.ALERT_MINIMUM_USD:
        return
    if end_usd > before * settings.ALERT_PACE:
        yield Finding(
            Alert.Kind.PACE,
            "site",
            month,
            f"At this rate {month:%B} ends {end_usd / before:.1f} times as high as {last_month:%B}",
            {
                "spent_usd": str(spent),
                "month_end_usd": rounded(end_usd),
                "month_before_usd": str(before),
                "month": f"{month:%B %Y}",
                "month_before": f"{last_month:%B %Y}",
            },
        )


def of_models(series: Series, month: date) -> Iterator[Finding]:
    """Models that have been called this month and have no price. A call of unknown tokens says nothing of it."""
    for stack in series.stacks:
        calls = sum(
            max(figures.unpriced - figures.uncounted, 0)
            for bucket, figures in zip(series.buckets, stack.figures, strict=True)
            if day_of(bucket.start) >= month
        )
        if calls:
            yield Finding(
                Alert.Kind.UNPRICED,
                f"model {stack.key}",
                month,
                f"{stack.title} has no price",
                {"model": stack.key, "calls": calls, "month": f"{month:%B %Y}"},
            )
