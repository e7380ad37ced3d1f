"""One's own usage: what it has cost, on which days, by which models and in which conversations. Nobody else's rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from conversations.accounting import reports
from conversations.accounting.budget_words import reset_time, spent_so_far
from conversations.accounting.budgets import present_accounts
from conversations.accounting.reports.charts import Chart, Column, Series, share_percent, stacked
from conversations.accounting.reports.figures import Figures
from conversations.accounting.reports.period import Bucket, Period, day_of, month_of, months_later
from conversations.accounting.reports.scope import Scope
from conversations.models import Budget, BudgetAccount, Conversation, UsageRecord
from conversations.views.requests import Request

CONVERSATIONS = 10
CALLS = 20
ONE_COLOUR = [Series("Cost", "0")]


@dataclass(frozen=True, slots=True)
class Meter:
    """A budget that applies. In percent of it: `spent`, and `promised`, which is that and what running answers hold.

    `left_usd` is below zero once more has been spent than was allowed.
    """

    account: BudgetAccount
    sentence: str
    left_usd: Decimal
    resets: str
    spent: float
    promised: float

    @property
    def over_usd(self) -> Decimal:
        return -self.left_usd


@login_required
@require_safe
def usage(request: Request) -> HttpResponse:
    """A month, or one day of it; this month when the address does not say."""
    period = asked_period(request.GET.get("period", ""))
    month = month_of(period.first_day)
    series = reports.over_time(Scope.of(period, user=request.user.pk))
    total = sum(series.totals, Figures())
    context = {
        "period": period,
        "is_month": bool(period.in_months),
        "month": Period.named(f"{month:%Y-%m}"),
        "before": month_before(request.user.pk, month),
        "after": following(month),
        "zone": settings.TIME_ZONE,
        "total": total,
        "chart": chart_of(series) if total.known_cost_usd > 0 else None,
        "models": series.stacks,
        "meters": meters_of(request.user.pk) if period.is_running(timezone.now()) else [],
        **lists_of(request.user.pk, period, request.GET.get("after")),
    }
    return render(request, "usage/usage.html", context)


def lists_of(user_key: int, period: Period, after: str | None) -> dict[str, Any]:
    """The dearest conversations and the latest calls, each with the title of its conversation, if it still exists."""
    scope = Scope.of(period, user=user_key)
    dearest, calls = reports.conversations(scope, CONVERSATIONS), reports.calls(scope, after, CALLS)
    keys = [*(line.key for line in dearest.lines), *(line.conversation_key for line in calls.lines)]
    titles = titles_of(user_key, keys)
    return {
        "dearest": [(line, titles.get(line.key)) for line in dearest.lines],
        "conversations": dearest.count,
        "calls": [(line, titles.get(line.conversation_key), tokens_in(line)) for line in calls.lines],
        "older": calls.after,
    }


def tokens_in(line: reports.CallLine) -> int | None:
    if line.fresh_input is None:
        return None
    return line.fresh_input + (line.cache_read or 0) + (line.cache_write or 0)


def asked_period(name: str) -> Period:
    """A month or a day as `2026-11` or `2026-11-22`."""
    try:
        period = Period.named(name)
    except ValueError:
        return this_month()
    return period if period.in_months == 1 or period.days == 1 else this_month()


def this_month() -> Period:
    return Period.named(f"{day_of(timezone.now()):%Y-%m}")


def month_before(user_key: int, month: date) -> Period | None:
    """The month before, unless there is nothing that early."""
    before = Period.named(f"{months_later(month, -1):%Y-%m}")
    rows = UsageRecord.objects.filter(user_key=user_key, created_at__lt=before.end)
    return before if rows.exists() else None


def following(month: date) -> Period | None:
    after = months_later(month, 1)
    return Period.named(f"{after:%Y-%m}") if after <= day_of(timezone.now()) else None


def chart_of(series: reports.Series) -> Chart:
    """One bar for each day, or each hour of a day; a day's bar leads to that day."""
    page = reverse("usage")
    columns = []
    for bucket, figures in zip(series.buckets, series.totals, strict=True):
        day = day_of(bucket.start)
        link = f"{page}?period={day:%Y-%m-%d}#calls"
        cost, label = figures.cost_usd, short_label(bucket, day)
        columns.append(Column(label, bucket.title, link, [cost], [link], cost, figures.unpriced))
    return stacked(columns, ONE_COLOUR)


def short_label(bucket: Bucket, day: date) -> str:
    return str(day.day) if bucket.size == "day" else bucket.label


def titles_of(user_key: int, keys: Sequence[UUID]) -> dict[UUID, str]:
    """What the conversations that still exist are called; only the reader's own."""
    mine = Conversation.objects.filter(owner_id=user_key, pk__in=set(keys))
    return {conversation.pk: str(conversation) for conversation in mine.only("pk", "title")}


def meters_of(user_key: int) -> list[Meter]:
    """The fullest first."""
    meters = [meter_of(account) for account in present_accounts(Budget.objects.of(user_key), user_key)]
    return sorted(meters, key=lambda meter: -meter.spent)


def meter_of(account: BudgetAccount) -> Meter:
    limit = account.budget.limit_usd
    return Meter(
        account=account,
        sentence=spent_so_far(account),
        left_usd=limit - account.spent_usd,
        resets=reset_time(account),
        spent=percent_of(account.spent_usd, limit),
        promised=percent_of(account.spent_usd + account.reserved_usd, limit),
    )


def percent_of(usd: Decimal, limit_usd: Decimal) -> float:
    """A hundred at most, also of a limit of nothing."""
    share = share_percent(usd, limit_usd)
    return 100.0 if share is None else share
