"""Parts of budgets that are spent, and budgets that will not last their month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from django.db.models import F, Q

from conversations.accounting.alerts.finding import Finding, rounded
from conversations.accounting.alerts.pace import at_month_end, share_of_month
from conversations.accounting.reports.names import user_name, user_names
from conversations.accounting.reports.period import DAY, day_of, month_of, months_later
from conversations.models import Alert, Budget, BudgetAccount

LEVELS = (100, 80, 50)
# A month of which less than this has been spent is not extrapolated.
LEAST_SHARE_FOR_PACE = Decimal("0.1")


def findings(now: datetime) -> Iterator[Finding]:
    """Levels crossed in the present periods, and in those just ended: nobody may have looked before midnight."""
    today = day_of(now)
    month = month_of(today)
    present = Q(budget__period="day", first_day__in=(today, today - DAY))
    present |= Q(budget__period="month", first_day__in=(month, months_later(month, -1)))
    worth = Q(spent_usd__gte=F("budget__limit_usd") * Decimal(LEVELS[-1]) / 100)
    passed = share_of_month(month, now)
    if passed:
        too_fast = max(passed, LEAST_SHARE_FOR_PACE)
        worth |= Q(budget__period="month", first_day=month, spent_usd__gt=F("budget__limit_usd") * too_fast)
    accounts = BudgetAccount.objects.filter(present & worth, budget__active=True, budget__limit_usd__gt=0)
    accounts = accounts.select_related("budget__group", "budget__user")
    keys = [account.user_key for account in accounts if account.user_key is not None]
    people = user_names(keys) if keys else {}
    for account in accounts:
        yield from of_account(account, people, now)


def of_account(account: BudgetAccount, people: dict[int, str], now: datetime) -> Iterator[Finding]:
    budget = account.budget
    common = {
        "budget": budget.name,
        "budget_key": budget.pk,
        "whose": whose(account, people),
        "period": budget.period,
        "hard": budget.hard,
        "spent_usd": str(account.spent_usd),
        "limit_usd": str(budget.limit_usd),
        "resets_at": account.resets_at.isoformat(),
    }
    person = account.user_key if budget.scope == Budget.Scope.EACH_USER else budget.user_id
    subject = f"budget {budget.pk}" + ("" if account.user_key is None else f" of {account.user_key}")
    for_staff = budget.scope != Budget.Scope.EACH_USER
    spent = account.spent_usd * 100 / budget.limit_usd
    level = next((level for level in LEVELS if spent >= level), None)
    if level:
        yield Finding(
            Alert.Kind.BUDGET,
            subject,
            account.first_day,
            f"{level} % of the budget {budget.name} is spent",
            {**common, "percent": int(spent)},
            level=level,
            user_key=person,
            for_staff=for_staff,
        )
    end_usd = at_month_end(account.spent_usd, account.first_day, now) if budget.period == "month" else None
    if end_usd and spent < 100 and end_usd > budget.limit_usd and spent >= LEAST_SHARE_FOR_PACE * 100:
        yield Finding(
            Alert.Kind.PACE,
            subject,
            account.first_day,
            f"At this rate the budget {budget.name} will not last",
            {**common, "month_end_usd": rounded(end_usd)},
            user_key=person,
            for_staff=for_staff,
        )


def whose(account: BudgetAccount, people: dict[int, str]) -> str:
    """Who spends from it, as the middle of a sentence."""
    budget = account.budget
    match budget.scope:
        case Budget.Scope.GROUP:
            return f"the group {budget.group}"
        case Budget.Scope.USER:
            return str(budget.user)
        case Budget.Scope.MODEL:
            return f"the model {budget.model}"
        case Budget.Scope.EACH_USER if account.user_key is not None:
            return user_name(account.user_key, people)
    return "everybody together"
