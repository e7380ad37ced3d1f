"""Budgets in the admin: what makes no sense is refused, what is changed is noted, what is counted cannot be edited."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from conversations.models import AuditEntry, Budget, BudgetAccount, UsageRecord
from tests.conversations.rows import answered, asked, new_conversation

pytestmark = pytest.mark.django_db
LIST = "/admin/conversations/budget/"
FORM = {
    "name": "Interns",
    "scope": "each_user",
    "period": "month",
    "limit_usd": "5",
    "hard": "on",
    "crossing": "finish",
    "active": "on",
}


def add(client: Client, **fields: Any) -> Any:
    return client.post(f"{LIST}add/", {**FORM, **fields})


def spend(usd: str) -> None:
    generation = asked(new_conversation("alice"))
    answered(generation)
    row = UsageRecord.objects.latest("pk")
    assert row.cost_usd is None
    UsageRecord.fill_prices([(row, {}, Decimal(usd))])


def test_a_budget_is_made_active_and_noted(carol: Client) -> None:
    assert add(carol).status_code == 302

    budget = Budget.objects.get()
    entry = AuditEntry.objects.get(action="budget_changed")
    assert budget.active
    assert (entry.actor_name, entry.object_key) == ("carol", str(budget.pk))
    assert entry.details["changed"]["limit_usd"] == [None, "5"]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"scope": "group"}, "A budget of this kind needs one."),
        ({"scope": "user"}, "A budget of this kind needs one."),
        ({"scope": "model"}, "A budget of this kind needs one."),
        ({"scope": "model", "model": "gpt"}, "Write it as provider:model"),
        ({"scope": "site", "model": "openai:gpt-5.5"}, "has none: leave this empty"),
        ({"limit_usd": "-1"}, "greater than or equal to 0"),
        ({"name": ""}, "This field is required."),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(carol: Client, fields: dict[str, str], complaint: str) -> None:
    response = add(carol, **fields)

    assert response.status_code == 200
    assert complaint in response.content.decode()
    assert not Budget.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_budget_made_in_mid_month_shows_what_is_spent_already(carol: Client) -> None:
    spend("1.25")

    add(carol, scope="site")

    assert BudgetAccount.objects.get().spent_usd == Decimal("1.25")
    assert "$1.25 of $5.00" in carol.get(LIST).content.decode()


def test_raising_a_limit_is_noted_and_whose_it_is_cannot_be_changed(carol: Client) -> None:
    add(carol, scope="group", group=Group.objects.create(name="Interns").pk)
    budget = Budget.objects.get()

    carol.post(f"{LIST}{budget.pk}/change/", {**FORM, "limit_usd": "9", "scope": "site", "period": "day"})

    budget.refresh_from_db()
    assert (budget.limit_usd, budget.scope, budget.period) == (9, "group", "month")
    assert AuditEntry.objects.latest("pk").details["changed"] == {"limit_usd": ["5.0000", "9"]}


def test_a_budget_that_is_switched_on_again_counts_what_was_spent_meanwhile(carol: Client) -> None:
    add(carol, scope="site")
    budget = Budget.objects.get()
    off = {name: value for name, value in FORM.items() if name != "active"}
    carol.post(f"{LIST}{budget.pk}/change/", off)
    spend("1.25")
    assert BudgetAccount.objects.get().spent_usd == 0

    carol.post(f"{LIST}{budget.pk}/change/", FORM)

    assert BudgetAccount.objects.get().spent_usd == Decimal("1.25")


def test_the_page_shows_accounts_and_what_is_not_in_them(carol: Client) -> None:
    add(carol)
    spend("1.25")
    answered(asked(new_conversation("bob")))

    html = carol.get(f"{LIST}{Budget.objects.get().pk}/change/").content.decode()

    assert "1 call of this period has no price and is not in this." in html
    assert "<td>alice</td>" in html
    assert "$1.25" in html


def test_counting_again_and_deleting_are_actions(carol: Client) -> None:
    add(carol, scope="site")
    spend("1.25")
    BudgetAccount.objects.update(spent_usd=99)
    chosen = {"_selected_action": [Budget.objects.get().pk]}

    carol.post(LIST, {**chosen, "action": "count_again"})
    assert BudgetAccount.objects.get().spent_usd == Decimal("1.25")

    carol.post(LIST, {**chosen, "action": "delete_selected", "post": "yes"})
    assert not BudgetAccount.objects.exists()
    assert AuditEntry.objects.latest("pk").details["deleted"]["name"] == "Interns"
