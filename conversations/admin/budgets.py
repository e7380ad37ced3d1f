"""Budgets: who may spend how much, and how much of it is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, F, Max, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from conversations.accounting.budget_words import OFTEN, reset_time
from conversations.accounting.budgets import is_present
from conversations.accounting.reports.charts import share_percent
from conversations.accounting.reports.names import user_name, user_names
from conversations.admin.figures import WithFigures
from conversations.admin.picking import PicksModel
from conversations.models import AuditEntry, Budget, BudgetAccount
from conversations.models.budget import Period, local_day
from conversations.models.price import NAMED_BY_PROVIDER

FIXED = ["scope", "group", "user", "model", "period"]
AUDITED = ["name", *FIXED, "limit_usd", "hard", "crossing", "active"]
SHOWN_ACCOUNTS = 50


@dataclass(frozen=True, slots=True)
class State:
    """The present period of a budget, or of its account that has spent most: US dollars, and percent of the limit.

    `people` have an account of it; 0 for a budget that all share.
    """

    spent_usd: Decimal
    reserved_usd: Decimal
    spent: float
    promised: float
    people: int = 0


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_model(self) -> str:
        model: str = self.cleaned_data["model"].strip()
        if model:
            NAMED_BY_PROVIDER(model)
        return model

    def clean(self) -> dict[str, Any] | None:
        """What the scope needs is named, and nothing else: said where it is missing."""
        said = super().clean()
        needed = {"group": "group", "user": "user", "model": "model"}.get(self.cleaned_data.get("scope", ""))
        for name in ("group", "user", "model"):
            if name in self.fields and name == needed and not self.cleaned_data.get(name):
                self.add_error(name, "A budget of this kind needs one.")
            elif name in self.fields and name != needed and self.cleaned_data.get(name):
                self.add_error(name, "A budget of this kind has none: leave this empty.")
        return said


@admin.register(Budget)
class BudgetAdmin(PicksModel, WithFigures):
    form = BudgetForm
    list_display = ["name", "whose", "present", "resets", "kind"]
    list_filter = ["scope", "period", "hard", "active"]
    list_select_related = ["group", "user"]
    search_fields = ["name", "group__name", "user__username", "model"]
    autocomplete_fields = ["group", "user"]
    readonly_fields = ["whose", "present", "resets", "accounts"]
    actions = ["count_again"]
    change_form_template = "admin/conversations/budget/change_form.html"

    class Media:
        css = {"all": ["css/budgets.css"]}

    # --- columns ------------------------------------------------------------

    def add_figures(self, rows: Sequence[Any]) -> None:
        states = states_of(rows)
        for budget in rows:
            budget.state = states[budget.pk]

    @admin.display(description="for", ordering="scope")
    def whose(self, budget: Budget) -> str:
        match budget.scope:
            case Budget.Scope.SITE:
                return "everybody together"
            case Budget.Scope.EACH_USER:
                return "each person"
            case Budget.Scope.GROUP:
                return f"group {budget.group}"
        return str(budget.user or budget.model)

    @admin.display(description="this period")
    def present(self, budget: Any) -> SafeString:
        return render_to_string("admin/conversations/budget/meter.html", {"budget": budget, "state": budget.state})

    @admin.display(description="starts anew")
    def resets(self, budget: Budget) -> str:
        present = BudgetAccount(budget=budget, first_day=budget.first_day(local_day()))
        return f"{OFTEN[Period(budget.period)]}, {reset_time(present)}"

    @admin.display(description="when used up", ordering="hard")
    def kind(self, budget: Budget) -> str:
        if not budget.active:
            return "off"
        return "refuses" if budget.hard else "warns"

    @admin.display(description="accounts")
    def accounts(self, budget: Budget) -> SafeString:
        accounts = list(budget.accounts.order_by("-first_day", "-spent_usd")[:SHOWN_ACCOUNTS])
        names = user_names(account.user_key for account in accounts if account.user_key is not None)
        context = {
            "budget": budget,
            "accounts": [(account, whose(account, names)) for account in accounts],
            "more": max(budget.accounts.count() - SHOWN_ACCOUNTS, 0),
            "unpriced": calls_without_price(budget),
        }
        return render_to_string("admin/conversations/budget/accounts.html", context)

    # --- changing -----------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Whose budget it is stays: what is counted already would belong to somebody else."""
        fixed = FIXED if obj else []
        return [*fixed, *self.readonly_fields]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        much = ("How much", {"fields": ["limit_usd", "hard", "crossing"]})
        if obj is None:
            return [(None, {"fields": ["name"]}), ("For whom", {"fields": FIXED}), much]
        spent = ("Spent", {"fields": ["present", "resets", "accounts"]})
        return [(None, {"fields": ["name", "whose", "period", "active"]}), much, spent]

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        before = facts(Budget.objects.get(pk=obj.pk)) if change else {}
        super().save_model(request, obj, form, change)
        after = facts(obj)
        changed = {name: [before.get(name), now] for name, now in after.items() if before.get(name) != now}
        written(request, obj, changed=changed)
        if obj.scope != Budget.Scope.EACH_USER:
            obj.account(None, obj.first_day(local_day()))
        if "active" in changed:
            # Nothing was counted while it was off.
            recount(Budget.objects.filter(pk=obj.pk))

    def delete_model(self, request: HttpRequest, obj: Budget) -> None:
        written(request, obj, deleted=facts(obj))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Budget]) -> None:
        for budget in queryset:
            self.delete_model(request, budget)

    @admin.action(description="Count what was spent again, from the ledger")
    def count_again(self, request: HttpRequest, queryset: QuerySet[Budget]) -> None:
        number = recount(queryset)
        self.message_user(request, f"{number} account{'' if number == 1 else 's'} counted.", messages.SUCCESS)


def states_of(budgets: Sequence[Budget]) -> dict[int, State]:
    """By key, in one query. A budget has an account from its first day; no account in a new period: nothing spent."""
    found = BudgetAccount.objects.filter(is_present(), budget__in=budgets).order_by()
    rows = found.values("budget").annotate(
        people=Count("user_key"), spent=Max("spent_usd"), promised=Max(F("spent_usd") + F("reserved_usd"))
    )
    by_key: dict[int, Any] = {row["budget"]: row for row in rows}
    return {budget.pk: state_of(budget, by_key.get(budget.pk)) for budget in budgets}


def state_of(budget: Budget, row: dict[str, Any] | None) -> State:
    spent = row["spent"] if row else Decimal(0)
    promised = row["promised"] if row else Decimal(0)
    full = 0.0 if budget.limit_usd else 100.0
    return State(
        spent_usd=spent,
        reserved_usd=promised - spent,
        spent=share_percent(spent, budget.limit_usd) or full,
        promised=share_percent(promised, budget.limit_usd) or full,
        people=row["people"] if row else 0,
    )


def calls_without_price(budget: Budget) -> int:
    """Of the present period: what they cost is in no account."""
    everybody = BudgetAccount(budget=budget, first_day=budget.first_day(local_day()))
    return everybody.ledger().filter(cost_usd=None, corrects=None).count()


def whose(account: BudgetAccount, names: dict[int, str]) -> str:
    return "" if account.user_key is None else user_name(account.user_key, names)


def recount(budgets: QuerySet[Budget]) -> int:
    """The accounts of the present period."""
    accounts = BudgetAccount.objects.filter(is_present(), budget__in=budgets).select_related("budget").order_by("pk")
    for account in accounts:
        account.recount()
    return len(accounts)


def facts(budget: Budget) -> dict[str, Any]:
    """What the audit log keeps."""
    return {name: str(value) if (value := getattr(budget, name)) is not None else None for name in AUDITED}


def written(request: HttpRequest, budget: Budget, **details: Any) -> None:
    """Into the audit log."""
    user = request.user if request.user.is_authenticated else None
    AuditEntry.write(AuditEntry.Action.BUDGET_CHANGED, user, object_key=budget.pk, **details)
