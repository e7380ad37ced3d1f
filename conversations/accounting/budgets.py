"""What an answer may cost: reserved from every hard budget it counts in before it is asked for, or refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from math import inf
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from conversations.accounting.estimating import DEFAULT_RATIO
from conversations.models import Budget, BudgetAccount
from conversations.models.budget import SMALLEST_USD, Period, local_day
from providers.contract import Usage
from providers.prices import Price, cost_usd

# No answer is asked for that could not be as long as this, unless the model itself allows less.
SHORTEST_TOKENS = 1_000
# So that one answer does not hold all that is left, and others can be written beside it.
SHARE_OF_WHAT_IS_LEFT = Decimal("0.5")
# SQLite counts money in floating point: the last of a budget is not fought over.
TOO_LITTLE_USD = Decimal("0.00000001")
NOTHING = Decimal(0)
# Share of a limit from which on people are told.
WARN_FROM = Decimal("0.8")


class BudgetUsedUp(Exception):
    """A hard budget does not allow this answer: `account` has too little left for the `needed_usd` it may cost.

    `needed_usd` is None when nobody knows the model's price.
    """

    def __init__(self, account: BudgetAccount, needed_usd: Decimal | None) -> None:
        super().__init__(f"The budget {account.budget} is used up.")
        self.account = account
        self.needed_usd = needed_usd


@dataclass(frozen=True, slots=True)
class Demand:
    """What asking one model of the chain would take. Without a `price` nobody knows what it costs.

    `tokens_per_character` is how dense the model writes, for an answer whose tokens nobody has counted yet.
    """

    model: str
    input_tokens: int
    longest_tokens: int
    price: Price | None
    tokens_per_character: float = DEFAULT_RATIO

    def cost_of(self, output_tokens: int) -> Decimal | None:
        return cost_usd(Usage(fresh_input=self.input_tokens, output=output_tokens), self.price)

    @property
    def least_usd(self) -> Decimal | None:
        return self.cost_of(min(SHORTEST_TOKENS, self.longest_tokens))

    @property
    def most_usd(self) -> Decimal | None:
        """With the longest answer, none of the input from a cache."""
        return self.cost_of(self.longest_tokens)

    def fits(self, account: BudgetAccount) -> bool:
        """Unknown costs fit for as long as anything is left; free models always."""
        if not account.budget.covers(self.model):
            return True
        left = account.left_usd - TOO_LITTLE_USD
        return left > 0 if self.least_usd is None else not self.least_usd or self.least_usd <= left

    def tokens_for(self, usd: Decimal) -> int:
        """How long the answer may be for that much, the input paid; at most the longest."""
        most = self.most_usd
        if not most or self.price is None or most <= usd:
            return self.longest_tokens
        rate = self.price.of(Usage(fresh_input=self.input_tokens)).output
        if not rate:
            return self.longest_tokens
        paid = self.cost_of(0) or NOTHING
        return min(max(int((usd - paid) * 1_000_000 / rate), 1), self.longest_tokens)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long the answer of one model may be. `cut_by` names the budget that makes it shorter than the model would.

    Past `stop_at_characters`, reasoning included, a running answer is stopped in the name of `stopped_by`.
    """

    max_output_tokens: int
    cut_by: str = ""
    stop_at_characters: float = inf
    stopped_by: str = ""


def hard_budgets(user_key: int) -> list[Budget]:
    """Those that may refuse an answer to this person, in the order of their keys. One light query."""
    return [budget for budget in Budget.objects.of(user_key) if budget.hard]


def present_accounts(budgets: Sequence[Budget], user_key: int, *, locked: bool = False) -> list[BudgetAccount]:
    """Those of the present period, in the order of their keys; `locked`: nobody else changes them before the commit."""
    today = local_day()
    by_pk = {}
    for budget in budgets:
        account, _ = budget.account(budget.key_of(user_key), budget.first_day(today))
        by_pk[account.pk] = account
    if locked:
        for fresh in BudgetAccount.objects.select_for_update().filter(pk__in=by_pk).order_by("pk"):
            by_pk[fresh.pk].spent_usd, by_pk[fresh.pk].reserved_usd = fresh.spent_usd, fresh.reserved_usd
    return [by_pk[pk] for pk in sorted(by_pk)]


def reserve(key: UUID, user_key: int, budgets: Sequence[Budget], demands: Sequence[Demand]) -> dict[str, Allowance]:
    """Reserve for the model that was picked, the first of `demands`, and its fallbacks. By model: what it may write.

    `key` is that of the run, or of the call, that gives it back when it ends. A fallback that does not fit gets no
    allowance: it is not to be asked. Raises BudgetUsedUp when the first does not fit; the transaction this runs in must
    be rolled back then.
    """
    concerned = [budget for budget in budgets if any(budget.covers(demand.model) for demand in demands)]
    accounts = present_accounts(concerned, user_key, locked=True)
    for account in accounts:
        if not demands[0].fits(account):
            raise BudgetUsedUp(account, demands[0].least_usd)
    asked = [demands[0], *(other for other in demands[1:] if all(map(other.fits, accounts)))]
    grants = {}
    for account in accounts:
        covered = [demand for demand in asked if account.budget.covers(demand.model)]
        grants[account] = grant = granted(account.left_usd - TOO_LITTLE_USD, covered)
        if grant and not account.reserve(key, grant):
            raise BudgetUsedUp(account, demands[0].least_usd)
    return {demand.model: allowance(demand, grants) for demand in asked}


def granted(left_usd: Decimal, demands: Sequence[Demand]) -> Decimal:
    """What is reserved: the worst case, or half of what is left, or all of it when half does not do."""
    most = max((demand.most_usd or NOTHING for demand in demands), default=NOTHING)
    least = max((demand.least_usd or NOTHING for demand in demands), default=NOTHING)
    share = left_usd * SHARE_OF_WHAT_IS_LEFT
    grant = most if most <= share else min(most, share if least <= share else left_usd)
    return grant.quantize(SMALLEST_USD, ROUND_DOWN)


def allowance(demand: Demand, grants: Mapping[BudgetAccount, Decimal]) -> Allowance:
    """The tightest of the budgets that cover the model decides."""
    tokens = {
        account.budget: demand.tokens_for(usd) for account, usd in grants.items() if account.budget.covers(demand.model)
    }
    stopping = [budget for budget in tokens if budget.crossing == Budget.Crossing.STOP]
    tightest = min(tokens, key=lambda budget: tokens[budget], default=None)
    stopper = min(stopping, key=lambda budget: tokens[budget], default=None)
    return Allowance(
        max_output_tokens=tokens[tightest] if tightest else demand.longest_tokens,
        cut_by=tightest.name if tightest and tokens[tightest] < demand.longest_tokens else "",
        stop_at_characters=tokens[stopper] / demand.tokens_per_character if stopper else inf,
        stopped_by=stopper.name if stopper else "",
    )


def is_present() -> Q:
    """Of accounts: theirs is the period of today."""
    today = local_day()
    return Q(budget__period=Period.DAY, first_day=Period.DAY.first_day(today)) | Q(
        budget__period=Period.MONTH, first_day=Period.MONTH.first_day(today)
    )


def nearly_used_up(user_key: int, model: str) -> BudgetAccount | None:
    """Of the accounts that calls of this person and model count in, the one nearest to its limit, from WARN_FROM on."""
    budgets = {budget.pk: budget for budget in Budget.objects.of(user_key) if budget.limit_usd and budget.covers(model)}
    if not budgets:
        return None
    own = Q(user_key=None) | Q(user_key=user_key)
    accounts = list(BudgetAccount.objects.filter(is_present(), own, budget__in=budgets))
    for account in accounts:
        account.budget = budgets[account.budget_id]
    fullest = max(accounts, key=share_spent, default=None)
    return fullest if fullest and share_spent(fullest) >= WARN_FROM else None


def share_spent(account: BudgetAccount) -> Decimal:
    return account.spent_usd / account.budget.limit_usd


def recount_present() -> int:
    """Set all accounts of the present periods to what the ledger says; returns how many there are. Does no harm.

    They are right already, but for groups whose members have changed and for a budget made while a call was booked.
    """
    accounts = BudgetAccount.objects.filter(is_present(), budget__active=True).select_related("budget").order_by("pk")
    for account in accounts:
        account.recount()
    return len(accounts)


def seconds_until(moment: datetime) -> int:
    return max(1, int((moment - timezone.now()).total_seconds()))
