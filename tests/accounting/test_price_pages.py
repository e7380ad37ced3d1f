"""Prices and recomputes in the admin: what may be done, by whom, and what is written down."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations.accounting.recompute import work_on
from conversations.models import AuditEntry, ModelPrice, Recompute, UsageRecord
from conversations.tasks import price_unpriced
from tests.accounting.calls import MODEL, booked, days_ago, price_of_house

pytestmark = pytest.mark.django_db

PRICES = "admin:conversations_modelprice"
RECOMPUTES = "admin:conversations_recompute"


@pytest.fixture
def carol(client: Client) -> Client:
    client.force_login(get_user_model().objects.create(username="carol", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def bob() -> Client:
    """Staff who may look and no more."""
    bob = get_user_model().objects.create(username="bob", is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename__in=["view_recompute", "view_modelprice"]))
    client = Client()
    client.force_login(bob)
    return client


def price_form(**fields: str) -> dict[str, str]:
    begins = days_ago(10)
    form = {"model": MODEL, "effective_from_0": f"{begins:%Y-%m-%d}", "effective_from_1": f"{begins:%H:%M:%S}"}
    return form | {"fresh_input": "3", "output": "3", "note": "Invoice 7"} | fields


def moment(name: str, days: float) -> dict[str, str]:
    when = days_ago(days)
    return {f"{name}_0": f"{when:%Y-%m-%d}", f"{name}_1": f"{when:%H:%M:%S}"}


# --- prices -----------------------------------------------------------------


def test_models_without_a_price_stand_above_the_prices_with_a_link_to_add_one(carol: Client) -> None:
    booked()

    page = carol.get(reverse(f"{PRICES}_changelist")).text

    assert "Models without a price" in page
    assert f"{reverse(f'{PRICES}_add')}?model=sim%3Ahouse" in page


def test_that_link_fills_in_the_model_and_the_time_of_its_first_call(carol: Client) -> None:
    booked(days=12)

    form = carol.get(reverse(f"{PRICES}_add"), {"model": MODEL}).context["adminform"].form

    assert form["model"].value() == MODEL
    assert form["effective_from"].value().date() == days_ago(12).date()


def test_a_new_price_is_written_down_and_prices_what_had_none(carol: Client) -> None:
    record = booked(days=5)

    carol.post(reverse(f"{PRICES}_add"), price_form())
    price_unpriced()

    (price,) = ModelPrice.objects.all()
    entry = AuditEntry.objects.get()
    assert str(price.created_by) == "carol"
    assert (entry.action, entry.actor_name, entry.object_key) == ("price_changed", "carol", str(price.pk))
    assert entry.details["price"]["fresh_input"] == "3"
    record.refresh_from_db()
    assert record.cost_usd == 3


def test_a_price_that_comes_too_late_for_some_calls_says_how_to_recompute_them(carol: Client) -> None:
    price_of_house("2")
    booked(days=5)

    page = carol.post(reverse(f"{PRICES}_add"), price_form(), follow=True).text

    assert "Recompute what they cost" in page


def test_a_price_that_applies_cannot_be_changed_or_deleted(carol: Client) -> None:
    price = price_of_house("2")
    page = reverse(f"{PRICES}_change", args=[price.pk])

    assert carol.post(page, price_form()).status_code == 403
    assert carol.post(reverse(f"{PRICES}_delete", args=[price.pk]), {"post": "yes"}).status_code == 403
    assert "Add a newer one" in carol.get(page).text
    price.refresh_from_db()
    assert price.fresh_input == 2


def test_a_price_to_come_can_be_changed_and_that_is_written_down(carol: Client) -> None:
    price = price_of_house("2", days=-5)

    carol.post(reverse(f"{PRICES}_change", args=[price.pk]), price_form(**moment("effective_from", -6)))

    entry = AuditEntry.objects.get()
    assert (entry.details["before"]["output"], entry.details["price"]["output"]) == ("2.000000", "3")
    price.refresh_from_db()
    assert price.output == 3


def test_a_name_without_a_provider_is_refused(carol: Client) -> None:
    page = carol.post(reverse(f"{PRICES}_add"), price_form(model="gpt-5"))

    assert "Write it as provider:model" in page.text
    assert not ModelPrice.objects.exists()


def test_a_long_list_of_prices_takes_as_many_queries_as_a_short_one(carol: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            carol.get(reverse(f"{PRICES}_changelist"))
        return len(captured)

    price_of_house("1")
    few = queries()
    for days in range(20):
        price_of_house("1", days=days)

    assert queries() == few


# --- recomputes -------------------------------------------------------------


@pytest.fixture
def recompute() -> Recompute:
    """A dry run over a call that cost 3 dollars and should cost 5."""
    price_of_house("3")
    booked(days=5)
    price_of_house("5", days=10)
    recompute = Recompute.objects.create(model=MODEL, begins_at=days_ago(20), ends_at=days_ago(0), reason="Wrong price")
    work_on(recompute.pk)
    recompute.refresh_from_db()
    return recompute


def total() -> Decimal:
    return sum((record.cost_usd or Decimal(0) for record in UsageRecord.objects.all()), Decimal(0))


def press(client: Client, recompute: Recompute, verb: str) -> Any:
    response = client.post(reverse(f"admin:recompute_{verb}", args=[recompute.pk]), follow=True)
    work_on(recompute.pk)
    recompute.refresh_from_db()
    return response


def page_of(client: Client, recompute: Recompute) -> str:
    return client.get(reverse(f"{RECOMPUTES}_change", args=[recompute.pk])).text


def test_a_dry_run_is_begun_by_a_form_and_lands_on_its_page(carol: Client) -> None:
    form = {"model": MODEL, "reason": "Wrong price"} | moment("begins_at", 20) | moment("ends_at", 1)

    response = carol.post(reverse(f"{RECOMPUTES}_add"), form)

    recompute = Recompute.objects.get()
    assert response.url == reverse(f"{RECOMPUTES}_change", args=[recompute.pk])
    assert (recompute.status, str(recompute.created_by)) == ("draft", "carol")
    assert 'http-equiv="refresh"' in page_of(carol, recompute)


@pytest.mark.parametrize(("begins", "ends"), [(1, 20), (1, -1)])
def test_its_time_must_lie_behind_us(carol: Client, begins: float, ends: float) -> None:
    form = {"model": MODEL, "reason": "Wrong price"} | moment("begins_at", begins) | moment("ends_at", ends)

    assert carol.post(reverse(f"{RECOMPUTES}_add"), form).status_code == 200
    assert not Recompute.objects.exists()


def test_it_is_applied_and_taken_back_by_buttons(carol: Client, recompute: Recompute) -> None:
    assert "+$2.00" in page_of(carol, recompute)

    press(carol, recompute, "apply")
    assert (recompute.status, total()) == ("applied", 5)
    assert "Take it back" in page_of(carol, recompute)

    press(carol, recompute, "take-back")
    assert (recompute.status, total()) == ("reversed", 3)
    assert [entry.actor_name for entry in AuditEntry.objects.all()] == ["carol", "carol"]


def test_when_prices_have_changed_it_is_counted_anew(carol: Client, recompute: Recompute) -> None:
    price_of_house("7", days=8)

    assert "counted anew" in press(carol, recompute, "apply").text
    assert (recompute.status, total()) == ("counted", 3)


def test_buttons_need_the_permission_and_a_post(bob: Client, carol: Client, recompute: Recompute) -> None:
    address = reverse("admin:recompute_apply", args=[recompute.pk])

    assert "Apply: book" not in page_of(bob, recompute)
    assert bob.post(address).status_code == 403
    assert carol.get(address).status_code == 405
    assert Client().post(address).status_code == 302
    recompute.refresh_from_db()
    assert recompute.status == "counted"
