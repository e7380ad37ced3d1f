"""Alerts: what raises one, that it is raised once, and who hears of it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission

from conversations.accounting.alerts.letters import letter_of
from conversations.accounting.alerts.raising import check
from conversations.leaving import delete_account
from conversations.models import Alert, Budget, BudgetAccount, Delivery
from tests.accounting.bills import MODEL, at, person, spent

pytestmark = pytest.mark.django_db

NOW = at("2026-11-16T12:00")


@pytest.fixture(autouse=True)
def a_mail_server(settings: Any) -> None:
    settings.CAN_MAIL = True
    settings.ALERT_EMAILS = ["minder@example.org"]
    settings.SITE_URL = "https://chat.example.org"


def budget(limit: str = "100", **fields: Any) -> Budget:
    return Budget.objects.create(**{"name": "Tests", "scope": "site", "limit_usd": Decimal(limit), **fields})


def titles(kind: str = "budget") -> list[str]:
    return list(Alert.objects.filter(kind=kind).order_by("created_at", "id").values_list("title", flat=True))


def receivers() -> set[str]:
    return set(Delivery.objects.values_list("receiver", flat=True))


def counted(some: Budget, usd: str, when: str = "2026-11-16T09:00", user: int | None = None) -> None:
    """So much spent in the budget's account of that moment."""
    record = spent(when, usd, user)
    some.account(some.key_of(record.user_key), some.first_day(record.created_at.date()))


# --- levels of budgets --------------------------------------------------------


@pytest.mark.parametrize(
    ("usd", "levels"), [("49.99", []), ("50", [50]), ("80", [80]), ("99.99", [80]), ("100", [100])]
)
def test_a_level_is_raised_when_it_is_reached(usd: str, levels: list[int]) -> None:
    counted(budget(), usd)

    check(NOW)

    assert list(Alert.objects.filter(kind="budget").values_list("level", flat=True)) == levels


def test_levels_crossed_in_one_jump_raise_the_highest_alone() -> None:
    counted(budget(), "130")

    check(NOW)
    check(NOW)

    assert titles() == ["100 % of the budget Tests is spent"]


def test_levels_crossed_one_after_the_other_are_raised_one_after_the_other() -> None:
    some = budget()
    counted(some, "51")
    check(NOW)
    spent("2026-11-16T10:00", "30")
    check(NOW)

    check(NOW)

    assert titles() == ["50 % of the budget Tests is spent", "80 % of the budget Tests is spent"]


def test_a_correction_that_lowers_the_sum_raises_nothing_below() -> None:
    some = budget()
    counted(some, "101")
    check(NOW)
    BudgetAccount.objects.update(spent_usd=60)

    check(NOW)

    assert titles() == ["100 % of the budget Tests is spent"]


def test_the_next_period_has_alerts_of_its_own() -> None:
    some = budget(period="day")
    counted(some, "60", "2026-11-16T09:00")
    check(NOW)
    counted(some, "60", "2026-11-17T09:00")

    check(NOW + timedelta(days=1))

    assert [alert.first_day.day for alert in Alert.objects.filter(kind="budget").order_by("first_day")] == [16, 17]


def test_a_level_crossed_just_before_midnight_is_raised_after_it() -> None:
    counted(budget(period="day"), "60", "2026-11-16T23:59")

    check(at("2026-11-17T00:05"))

    assert titles() == ["50 % of the budget Tests is spent"]


def test_a_budget_that_is_switched_off_or_allows_nothing_raises_nothing() -> None:
    counted(budget(active=False), "60")
    counted(budget("0", name="Nothing"), "60")

    assert check(NOW) == 0


# --- who hears of it ----------------------------------------------------------


def test_people_hear_of_their_own_budget_and_nobody_else_does() -> None:
    counted(budget(scope="each_user", limit_usd=Decimal(10)), "9", user=person("alice"))

    check(NOW)

    assert receivers() == {"alice@example.org"}
    letter = letter_of(Alert.objects.get(kind="budget"), personal=True)
    assert letter.subject == "You have used 90 % of your budget on Chatsite"
    assert "You have used $9.00 of the $10.00 a month" in letter.paragraphs[0]
    assert "refused until it starts afresh on 1 December 2026, 00:00" in letter.paragraphs[1]


def test_the_budget_of_one_person_is_told_to_them_and_to_those_who_mind_the_bill() -> None:
    alice = get_user_model().objects.get(pk=person("alice"))
    counted(budget(scope="user", user=alice), "80", user=alice.pk)

    check(NOW)

    assert receivers() == {"alice@example.org", "minder@example.org"}
    assert Delivery.objects.get(personal=True, alert__kind="budget").receiver == "alice@example.org"


def test_without_named_addresses_staff_who_may_see_reports_are_written_to(settings: Any) -> None:
    settings.ALERT_EMAILS = []
    seeing = Permission.objects.get(codename="view_usagerecord")
    people = get_user_model().objects
    for name, fields in {
        "carol": {"is_staff": True, "is_superuser": True},
        "dave": {"is_staff": True},
        "erin": {"is_staff": True},
        "frank": {"is_staff": False},
        "gone": {"is_staff": True, "is_active": False},
    }.items():
        person(name, **fields)
    for name in ("dave", "frank", "gone"):
        people.get(username=name).user_permissions.add(seeing)
    counted(budget(), "80")

    check(NOW)

    assert receivers() == {"carol@example.org", "dave@example.org"}


def test_without_a_mail_server_the_alert_is_there_and_nobody_is_written_to(settings: Any) -> None:
    settings.CAN_MAIL = False
    counted(budget(), "80")

    check(NOW)

    assert titles() == ["80 % of the budget Tests is spent"]
    assert receivers() == set()


def test_a_letter_names_the_amount_the_consequence_and_where_to_look() -> None:
    group = Group.objects.create(name="Research")
    get_user_model().objects.get(pk=person("alice")).groups.add(group)
    some = budget(scope="group", group=group, hard=False)
    counted(some, "81.2")
    check(NOW)

    letter = letter_of(Alert.objects.get(kind="budget"), personal=False)

    assert letter.paragraphs[0] == (
        "The group Research has used $81.20 of the $100.00 a month that the budget “Tests” allows."
    )
    assert letter.paragraphs[1].startswith("Nothing is refused: this budget only warns.")
    assert letter.link == f"https://chat.example.org/admin/conversations/budget/{some.pk}/change/"


# --- pace ---------------------------------------------------------------------


def test_a_budget_that_will_not_last_its_month_is_told_once() -> None:
    counted(budget(), "30", "2026-11-02T09:00")
    at_noon = at("2026-11-06T00:00")

    check(at_noon)
    check(at_noon)

    alert = Alert.objects.get(kind="pace")
    assert Decimal(alert.facts["month_end_usd"]) == 180
    assert "At this rate the month ends at about $180.00." in letter_of(alert, personal=False).paragraphs


def test_pace_says_nothing_before_the_third_day_nor_of_a_tenth_of_the_limit() -> None:
    counted(budget(), "30", "2026-11-01T09:00")
    counted(budget("2000", name="Large"), "0", "2026-11-01T09:00")

    check(at("2026-11-02T23:00"))

    assert titles("pace") == []


def test_a_month_of_the_site_far_above_the_one_before_is_told() -> None:
    for day in range(1, 31, 3):
        spent(f"2026-10-{day:02}T12:00", "3")
    spent("2026-11-05T12:00", "40")

    check(at("2026-11-16T00:00"))

    alert = Alert.objects.get(kind="pace")
    assert alert.title == "At this rate November ends 2.7 times as high as October"
    assert letter_of(alert, personal=False).link.endswith("/admin/usage/?period=2026-11")


# --- unusual days, models without a price -------------------------------------


def test_a_day_far_above_the_usual_ones_is_told_once() -> None:
    for day in range(1, 11):
        spent(f"2026-11-{day:02}T12:00", "2")
    spent("2026-11-16T08:00", "6.5")

    check(NOW)
    check(NOW)

    alert = Alert.objects.get(kind="spike")
    assert (alert.title, str(alert.first_day)) == ("Monday costs 3.2 times as much as usual", "2026-11-16")
    assert "A usual day costs $2.00" in letter_of(alert, personal=False).paragraphs[1]


@pytest.mark.parametrize(("usual", "today"), [("2", "5.9"), ("0.02", "0.9")])
def test_a_day_within_bounds_or_of_little_money_is_not(usual: str, today: str) -> None:
    for day in range(1, 11):
        spent(f"2026-11-{day:02}T12:00", usual)
    spent("2026-11-16T08:00", today)

    check(NOW)

    assert titles("spike") == []


def test_a_site_without_a_past_has_no_unusual_day() -> None:
    spent("2026-11-16T08:00", "500")

    check(NOW)

    assert titles("spike") == []


def test_a_model_without_a_price_is_told_once_a_month() -> None:
    spent("2026-11-16T08:00", None, model="ollama:qwen3")
    spent("2026-11-16T08:01", None, model="ollama:qwen3")
    spent("2026-11-16T08:02", "0", model=MODEL)

    check(NOW)
    check(NOW + timedelta(days=3))
    spent("2026-12-02T08:00", None, model="ollama:qwen3")
    check(at("2026-12-02T09:00"))

    assert [str(alert.first_day) for alert in Alert.objects.filter(kind="unpriced").order_by("first_day")] == [
        "2026-11-01",
        "2026-12-01",
    ]


def test_looking_for_alerts_takes_few_queries_however_many_budgets_there_are(
    django_assert_max_num_queries: Any,
) -> None:
    some = budget(scope="each_user", limit_usd=Decimal(10))
    for number in range(30):
        counted(some, "6", user=person(f"person{number}"))
    check(NOW)

    with django_assert_max_num_queries(12):
        assert check(NOW) == 0


def test_with_an_account_goes_what_was_about_it_and_its_address() -> None:
    counted(budget(scope="each_user", limit_usd=Decimal(10)), "9", user=person("alice"))
    counted(budget(name="All"), "80", user=person("bob"))
    check(NOW)

    delete_account(get_user_model().objects.get(username="alice"))

    assert not Alert.objects.filter(user_key=person("alice")).exists()
    assert "alice@example.org" not in receivers()
    assert "80 % of the budget All is spent" in titles()


def test_a_call_of_unknown_tokens_does_not_mean_that_its_model_has_no_price() -> None:
    spent("2026-11-16T08:00", None, tokens=None)

    check(NOW)

    assert titles("unpriced") == []
