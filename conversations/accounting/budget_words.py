"""Budgets in words: whose they are, when they start anew, why one refuses and when it is nearly used up."""

from datetime import datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format

from conversations.accounting.budgets import TOO_LITTLE_USD, BudgetUsedUp
from conversations.accounting.reports.names import model_title, model_titles
from conversations.models import Budget, BudgetAccount
from conversations.models.budget import Period

CENT = Decimal("0.01")
OFTEN = {Period.DAY: "daily", Period.MONTH: "monthly"}
SPAN = {Period.DAY: "today", Period.MONTH: "this month"}


def dollars(usd: Decimal) -> str:
    """Cents, unless there are fractions of a cent to be told from nothing: $2.00, $0.03, $0.0021."""
    if 0 < usd < CENT:
        return f"${usd:.4f}" if usd >= CENT / 100 else "less than $0.0001"
    return f"${usd:,.2f}"


def whose(budget: Budget) -> str:
    """The beginning of a sentence: `Your daily budget`."""
    often = OFTEN[Period(budget.period)]
    match budget.scope:
        case Budget.Scope.SITE:
            return f"This site's {often} budget"
        case Budget.Scope.GROUP:
            return f"The {often} budget of the group {budget.group}"
        case Budget.Scope.MODEL:
            return f"The {often} budget of {title_of(budget.model)}"
    return f"Your {often} budget"


def title_of(model: str) -> str:
    return model_title(model, model_titles())


def used_up(error: BudgetUsedUp) -> str:
    """Names the budget, the amount and when it starts anew; and what would help sooner."""
    account, budget = error.account, error.account.budget
    left = max(account.left_usd, Decimal(0))
    named = f"{whose(budget)} of {dollars(budget.limit_usd)} (“{budget.name}”)"
    if left <= TOO_LITTLE_USD and not account.reserved_usd:
        sentences = [f"{named} is used up."]
    elif error.needed_usd is None:
        sentences = [f"{named} has nothing left for a model whose price is not known."]
    else:
        sentences = [f"{named} has {dollars(left)} left, and even a short answer to this may cost more."]
    if account.reserved_usd > TOO_LITTLE_USD:
        sentences.append(
            f"Answers that are being written hold {dollars(account.reserved_usd)}; what they do not use comes back."
        )
    sentences.append(starts_anew(account))
    if budget.scope == Budget.Scope.MODEL:
        sentences.append("Other models can still be asked.")
    return " ".join(sentences)


def starts_anew(account: BudgetAccount) -> str:
    return f"It starts anew {reset_time(account)}."


def reset_time(account: BudgetAccount) -> str:
    """In the site's time zone: `at midnight (23 Nov, 00:00)`, `on 1 December, 00:00`."""
    moment: datetime = timezone.localtime(account.resets_at, timezone.get_default_timezone())
    if account.budget.period == Period.DAY:
        return f"at midnight ({date_format(moment, 'j M, H:i')})"
    return f"on {date_format(moment, 'j F, H:i')}"


def spent_so_far(account: BudgetAccount) -> str:
    """`You have used $8.10 of $10.00 this month.`"""
    budget = account.budget
    match budget.scope:
        case Budget.Scope.SITE:
            who = "This site has"
        case Budget.Scope.GROUP:
            who = f"The group {budget.group} has"
        case Budget.Scope.MODEL:
            who = f"{title_of(budget.model)} has"
        case _:
            who = "You have"
    of = f"{dollars(account.spent_usd)} of {dollars(budget.limit_usd)}"
    return f"{who} used {of} {SPAN[Period(budget.period)]}."
