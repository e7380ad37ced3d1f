"""Budgets: how much may be spent in a day or a month, what has been, and what running answers may still cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q, Sum
from django.utils import timezone
from uuid_utils.compat import uuid7

from conversations.models.prepared import Prepared
from conversations.models.usage import UsageRecord

# What the ledger can hold: ten digits of a dollar.
SMALLEST_USD = Decimal("0.0000000001")
NOTHING = Decimal(0)


class Period(models.TextChoices):
    """Calendar days and months in the site's time zone."""

    DAY = "day", "a day"
    MONTH = "month", "a calendar month"

    def first_day(self, day: date) -> date:
        return day.replace(day=1) if self == Period.MONTH else day

    def next_first_day(self, first: date) -> date:
        return (first + timedelta(days=32)).replace(day=1) if self == Period.MONTH else first + timedelta(days=1)


def midnight(day: date) -> datetime:
    """When the day begins in the site's time zone."""
    return datetime.combine(day, time.min, timezone.get_default_timezone())


def local_day(moment: datetime | None = None) -> date:
    """The site's day at a moment; today's without one."""
    return timezone.localtime(moment, timezone.get_default_timezone()).date()


class BudgetQuerySet(models.QuerySet["Budget"]):
    def active(self) -> BudgetQuerySet:
        return self.filter(active=True)

    def of(self, user_key: int) -> list[Budget]:
        """The active budgets that a call of this person may count in. One light query, two where groups have any."""
        budgets = BUDGETS_OF_USER.objects(user=user_key)
        if any(budget.group_id for budget in budgets):
            groups = set(Group.objects.filter(user=user_key).values_list("pk", flat=True))
            budgets = [budget for budget in budgets if budget.group_id is None or budget.group_id in groups]
        return budgets


BUDGETS_OF_USER = Prepared(
    lambda user: Budget.objects.active().filter(Q(user=None) | Q(user=user)).order_by("pk"), user=-1
)


class Budget(models.Model):
    """A limit in US dollars for a day or a calendar month. Soft ones warn; hard ones refuse what would pass them."""

    class Scope(models.TextChoices):
        SITE = "site", "everybody together"
        GROUP = "group", "the members of a group together"
        USER = "user", "one person"
        EACH_USER = "each_user", "everybody, each for themselves"
        MODEL = "model", "one model, everybody together"

    class Crossing(models.TextChoices):
        FINISH = "finish", "is finished"
        STOP = "stop", "is stopped"

    name = models.CharField(max_length=100, unique=True, help_text="People read it when they are refused.")
    scope = models.CharField("for", max_length=10, choices=Scope, default=Scope.EACH_USER)
    group = models.ForeignKey(Group, models.CASCADE, null=True, blank=True, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+")
    model = models.CharField(max_length=200, blank=True, help_text="provider:model, for example openai:gpt-5.5")
    period = models.CharField(max_length=5, choices=Period, default=Period.MONTH)
    limit_usd = models.DecimalField(
        "limit in US dollars", max_digits=12, decimal_places=4, validators=[MinValueValidator(Decimal(0))]
    )
    hard = models.BooleanField(
        default=True, help_text="Refuses messages that would pass the limit. Otherwise it only warns."
    )
    crossing = models.CharField(
        "a running answer that crosses it",
        max_length=6,
        choices=Crossing,
        default=Crossing.FINISH,
        help_text="Hard budgets only: answers are asked for so short that they fit; some models write on all the same.",
    )
    active = models.BooleanField(default=True)

    objects = BudgetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(limit_usd__gte=0), name="budget_limit_is_not_negative"),
            models.CheckConstraint(
                condition=Q(scope="group", group__isnull=False, user=None, model="")
                | Q(scope="user", user__isnull=False, group=None, model="")
                | (Q(scope="model", user=None, group=None) & ~Q(model=""))
                | Q(scope__in=["site", "each_user"], user=None, group=None, model=""),
                name="budget_names_what_its_scope_needs",
                violation_error_message="A budget names the group, person or model it is for, and nothing else.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def covers(self, model: str) -> bool:
        """Whether a call of `provider:model` counts in it, as far as the model decides."""
        return self.scope != self.Scope.MODEL or self.model == model

    def key_of(self, user_key: int) -> int | None:
        """Whose account a call counts in; None: the one that all share."""
        return user_key if self.scope == self.Scope.EACH_USER else None

    def first_day(self, day: date) -> date:
        """The first day of the period that `day` is in."""
        return Period(self.period).first_day(day)

    def account(self, user_key: int | None, first: date) -> tuple[BudgetAccount, bool]:
        """(the account of the period that begins with `first`, whether it was made now, from the ledger)."""
        account = BudgetAccount.objects.filter(budget=self, user_key=user_key, first_day=first).first()
        made = False
        if account is None:
            with transaction.atomic():
                account, made = BudgetAccount.objects.get_or_create(budget=self, user_key=user_key, first_day=first)
                if made:
                    account.recount()
        account.budget = self
        return account, made


class BudgetAccount(models.Model):
    """What has been spent of a budget in one period, and what running answers have reserved. In US dollars.

    Made when it is first needed. `spent_usd` is the ledger's sum at any moment, `reserved_usd` the reservations'.
    Its rows are always changed in the order of their keys, so that two transactions never wait for each other.
    """

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="accounts")
    user_key = models.BigIntegerField(null=True, help_text="Whose it is; empty when all share it.")
    first_day = models.DateField(help_text="The first day of its period, in the site's time zone.")
    spent_usd = models.DecimalField(max_digits=18, decimal_places=10, default=NOTHING)
    reserved_usd = models.DecimalField(max_digits=18, decimal_places=10, default=NOTHING)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "first_day"], condition=Q(user_key=None), name="one_shared_account_per_period"
            ),
            models.UniqueConstraint(
                fields=["budget", "user_key", "first_day"],
                condition=Q(user_key__isnull=False),
                name="one_account_per_person_and_period",
            ),
        ]
        ordering = ["-first_day", "user_key"]

    def __str__(self) -> str:
        return f"{self.budget}, {self.first_day}"

    @property
    def left_usd(self) -> Decimal:
        """What may still be promised; below zero when more has been spent than was allowed."""
        return self.budget.limit_usd - self.spent_usd - self.reserved_usd

    @property
    def resets_at(self) -> datetime:
        return midnight(Period(self.budget.period).next_first_day(self.first_day))

    # --- changes of its row ---------------------------------------------------

    def reserve(self, generation_key: UUID, amount_usd: Decimal) -> bool:
        """Promise an amount to a run. False when that would pass the limit: the row count decides."""
        room = Q(spent_usd__lte=self.budget.limit_usd - amount_usd - F("reserved_usd"))
        mine = BudgetAccount.objects.filter(room, pk=self.pk)
        if mine.update(reserved_usd=F("reserved_usd") + amount_usd) != 1:
            return False
        Reservation.objects.create(account=self, generation_key=generation_key, amount_usd=amount_usd)
        return True

    @transaction.atomic
    def recount(self) -> None:
        """Set it to what the ledger and the reservations say. Whoever writes either waits for this row."""
        BudgetAccount.objects.select_for_update().get(pk=self.pk)
        # The row first, the ledger then: what others book meanwhile, they add when they get this row.
        self.spent_usd = self.ledger().aggregate(usd=Sum("cost_usd"))["usd"] or NOTHING
        self.reserved_usd = self.reservations.aggregate(usd=Sum("amount_usd"))["usd"] or NOTHING
        self.save(update_fields=["spent_usd", "reserved_usd"])

    # --- the rows behind it ---------------------------------------------------

    def ledger(self) -> models.QuerySet[UsageRecord]:
        """The ledger rows that count in it, corrections too; of everybody for a person's account without a person.

        Membership in a group is that of today.
        """
        rows = UsageRecord.objects.filter(created_at__gte=midnight(self.first_day), created_at__lt=self.resets_at)
        match self.budget.scope:
            case Budget.Scope.GROUP:
                members = get_user_model().objects.filter(groups=self.budget.group_id)
                return rows.filter(user_key__in=members.values("pk"))
            case Budget.Scope.USER:
                return rows.filter(user_key=self.budget.user_id or 0)
            case Budget.Scope.EACH_USER if self.user_key is not None:
                return rows.filter(user_key=self.user_key)
            case Budget.Scope.MODEL:
                return rows.filter(model_asked=self.budget.model)
        return rows


RESERVATIONS_OF_RUN = Prepared(
    lambda run: Reservation.objects.filter(generation_key=run).order_by("account_id"), run=UUID(int=1)
)


class Reservation(models.Model):
    """What a running answer may cost at most, held free in one account until the run ends; or a title, its call.

    The run is a plain key, so that deleting a conversation does not lose what its run has still to give back.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(BudgetAccount, models.CASCADE, related_name="reservations")
    generation_key = models.UUIDField(db_index=True)
    amount_usd = models.DecimalField(max_digits=18, decimal_places=10)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["generation_key", "account"], name="one_reservation_per_run_and_account"),
        ]

    def __str__(self) -> str:
        return f"${self.amount_usd} for run {self.generation_key}"

    @classmethod
    def release(cls, run_key: UUID) -> None:
        """Give back what a run had reserved. Twice does no harm: whoever deletes the row gives it back."""
        for held in RESERVATIONS_OF_RUN.objects(run=run_key):
            held.give_back()

    @transaction.atomic
    def give_back(self) -> None:
        deleted, _ = Reservation.objects.filter(pk=self.pk).delete()
        if deleted:
            account = BudgetAccount.objects.filter(pk=self.account_id)
            account.update(reserved_usd=F("reserved_usd") - self.amount_usd)


def settle(records: Iterable[UsageRecord]) -> None:
    """Add what calls cost to the accounts they count in, in the transaction of their rows.

    Also for a price that became known later. Calls of unknown cost are left out until then.
    """
    by_user: dict[int, list[UsageRecord]] = defaultdict(list)
    for record in records:
        if record.cost_usd:
            by_user[record.user_key].append(record)
    added: dict[int, Decimal] = defaultdict(Decimal)
    for user_key, own in sorted(by_user.items()):
        for budget in Budget.objects.of(user_key):
            for first, usd in sorted(costs_by_period(budget, own).items()):
                account, made = budget.account(budget.key_of(user_key), first)
                # A new account was counted from the ledger, which has these rows already.
                if not made:
                    added[account.pk] += usd
    for pk, usd in sorted(added.items()):
        BudgetAccount.objects.filter(pk=pk).update(spent_usd=F("spent_usd") + usd)


def costs_by_period(budget: Budget, records: Iterable[UsageRecord]) -> dict[date, Decimal]:
    """Costs as the ledger keeps them, by the first day of the period they fall into."""
    costs: dict[date, Decimal] = defaultdict(Decimal)
    for record in records:
        if budget.covers(record.model_asked) and record.cost_usd is not None:
            costs[budget.first_day(local_day(record.created_at))] += record.cost_usd.quantize(SMALLEST_USD)
    return costs
