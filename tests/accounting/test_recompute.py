"""A recompute puts right what calls cost by correction rows, once each, and can be taken back to the cent."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db.models import Sum
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from conversations.accounting import recompute as recomputing
from conversations.accounting.recompute import Answer, book_some, differences, reverse_some, work_on, work_on_abandoned
from conversations.models import AuditEntry, Recompute, UsageRecord
from providers.contract import Usage
from tests.accounting.calls import MODEL, booked, days_ago, price_of_house

pytestmark = pytest.mark.django_db


def drafted(model: str = MODEL, days: float = 30, until: float = 0) -> Recompute:
    return Recompute.objects.create(
        model=model, begins_at=days_ago(days), ends_at=days_ago(until), reason="The invoice says otherwise"
    )


def counted(**options: Any) -> Recompute:
    recompute = drafted(**options)
    work_on(recompute.pk)
    recompute.refresh_from_db()
    return recompute


def applied(recompute: Recompute, actor: Any = None) -> Recompute:
    assert recomputing.apply(recompute, actor) == Answer.BEGUN
    work_on(recompute.pk)
    recompute.refresh_from_db()
    assert recompute.status == "applied"
    return recompute


def taken_back(recompute: Recompute, actor: Any = None) -> Recompute:
    assert recomputing.take_back(recompute, actor) == Answer.BEGUN
    work_on(recompute.pk)
    recompute.refresh_from_db()
    assert recompute.status == "reversed"
    return recompute


def total() -> Decimal:
    return UsageRecord.objects.aggregate(total=Sum("cost_usd"))["total"].quantize(Decimal("1e-10"))


def corrections() -> list[UsageRecord]:
    return list(UsageRecord.objects.exclude(corrects=None).order_by("pk"))


@pytest.fixture
def wrong_price() -> list[UsageRecord]:
    """Three calls of the last month booked at 3 dollars, that cost 5 since ten days."""
    price_of_house("3")
    rows = [booked(days=20), booked(days=5), booked(days=1)]
    price_of_house("5", days=10)
    return rows


# --- counting ---------------------------------------------------------------


def test_a_dry_run_shows_the_difference_and_books_nothing(wrong_price: list[UsageRecord]) -> None:
    recompute = counted()

    found = differences(recompute)[MODEL]
    assert recompute.status == "counted"
    assert (found.rows, found.changed, found.unknown) == (3, 2, 0)
    assert (found.old_usd, found.new_usd, found.usd) == (9, 13, 4)
    assert not corrections()


def test_only_the_calls_it_is_about_are_counted(wrong_price: list[UsageRecord]) -> None:
    booked("openai:gpt-5-mini")

    assert differences(counted(days=10, until=3))[MODEL].rows == 1
    assert set(differences(counted(model=""))) == {MODEL, "openai:gpt-5-mini"}
    assert differences(counted(model="sim:nobody")) == {}


def test_the_model_that_answered_is_found_too() -> None:
    price_of_house("3")
    booked(answered="of-june")

    assert set(differences(counted(model="sim:of-june"))) == {MODEL}


def test_calls_without_a_price_are_left_to_pricing() -> None:
    booked()

    assert differences(counted()) == {}


# --- applying ---------------------------------------------------------------


def test_applying_books_a_correction_beside_each_row_that_cost_something_else(wrong_price: list[UsageRecord]) -> None:
    before = list(UsageRecord.objects.order_by("pk").values())

    applied(counted())

    assert total() == 13
    assert list(UsageRecord.objects.filter(corrects=None).order_by("pk").values()) == before
    assert [row.cost_usd for row in corrections()] == [2, 2]
    for row in corrections():
        original = UsageRecord.objects.get(pk=row.corrects_id)
        same = ("created_at", "user_key", "conversation_key", "provider", "model_asked", "purpose", "outcome")
        assert [getattr(row, name) for name in same] == [getattr(original, name) for name in same]
        assert (row.fresh_input, row.output, row.tokens_in) == (0, 0, 0)


def test_once_applied_there_is_no_difference_left(wrong_price: list[UsageRecord]) -> None:
    applied(counted())

    found = differences(counted())[MODEL]
    assert (found.changed, found.usd) == (0, 0)


def test_a_second_correction_starts_from_the_first(wrong_price: list[UsageRecord]) -> None:
    applied(counted())
    price_of_house("4", days=2)

    applied(counted())

    assert total() == 3 + 5 + 4


def test_what_was_counted_by_other_prices_is_counted_anew(wrong_price: list[UsageRecord]) -> None:
    recompute = counted()
    price_of_house("6", days=3)

    assert recomputing.apply(recompute, None) == Answer.COUNTED_ANEW
    work_on(recompute.pk)
    recompute.refresh_from_db()
    assert differences(recompute)[MODEL].usd == 5
    assert not corrections()


def test_a_draft_cannot_be_applied_and_an_applied_one_not_twice(wrong_price: list[UsageRecord]) -> None:
    assert not drafted().apply(None)
    recompute = applied(counted())

    assert recomputing.apply(recompute, None) == Answer.REFUSED
    work_on(recompute.pk)
    assert total() == 13


def test_one_recompute_is_at_work_at_a_time(wrong_price: list[UsageRecord]) -> None:
    first, second = counted(), counted()

    assert first.apply(None)
    assert not second.apply(None)
    assert AuditEntry.objects.count() == 1
    work_on(first.pk)
    second.refresh_from_db()
    assert second.status == "counted"


# --- taking back ------------------------------------------------------------


def test_taking_back_books_the_opposite(wrong_price: list[UsageRecord]) -> None:
    taken_back(applied(counted()))

    assert total() == 9
    assert [row.cost_usd for row in corrections()] == [2, 2, -2, -2]


def test_a_recompute_that_a_later_one_builds_upon_is_not_taken_back_first(wrong_price: list[UsageRecord]) -> None:
    first = applied(counted())
    price_of_house("4", days=2)
    second = applied(counted())

    assert recomputing.take_back(first, None) == Answer.REFUSED
    taken_back(second)
    assert total() == 13
    taken_back(first)
    assert total() == 9


def test_who_did_it_and_why_is_in_the_audit_log(wrong_price: list[UsageRecord]) -> None:
    carol = get_user_model().objects.create(username="carol")

    taken_back(applied(counted(), carol), carol)

    entries = AuditEntry.objects.order_by("pk")
    assert [entry.action for entry in entries] == ["recompute_applied", "recompute_reversed"]
    assert {(entry.actor_name, entry.reason) for entry in entries} == {("carol", "The invoice says otherwise")}
    assert entries[0].details["counted"][MODEL]["changed"] == 2


# --- workers that die -------------------------------------------------------


def test_work_goes_on_where_a_killed_worker_left_it(wrong_price: list[UsageRecord], monkeypatch: Any) -> None:
    monkeypatch.setattr(recomputing, "BOOKED_AT_ONCE", 1)
    recompute = counted()
    recompute.apply(None)

    assert book_some(recompute.pk)
    assert book_some(recompute.pk)
    assert len(corrections()) == 1
    work_on(recompute.pk)
    assert total() == 13

    recompute.refresh_from_db()
    recompute.take_back(None)
    assert reverse_some(recompute.pk)
    work_on(recompute.pk)
    work_on(recompute.pk)
    assert total() == 9
    assert len(corrections()) == 4


def test_what_nobody_works_on_is_found(wrong_price: list[UsageRecord]) -> None:
    recompute = drafted()

    work_on_abandoned()
    recompute.refresh_from_db()
    assert recompute.status == "counted"
    recompute.apply(None)
    Recompute.objects.filter(pk=recompute.pk).update(heartbeat_at="2020-01-01T00:00:00Z")
    work_on_abandoned()
    recompute.refresh_from_db()
    assert recompute.status == "applied"


def test_what_somebody_is_working_on_is_left_to_them() -> None:
    recompute = drafted()
    recompute.beat(None)

    work_on_abandoned()

    recompute.refresh_from_db()
    assert recompute.status == "draft"


RATES = st.decimals(0, 100, places=4)
TOKENS = st.integers(0, 2_000_000)


class AnyPrices(TestCase):
    @settings(max_examples=25, deadline=None, print_blob=True)
    @given(RATES, RATES, st.lists(st.tuples(TOKENS, TOKENS, TOKENS), min_size=1, max_size=4))
    def test_totals_follow_the_prices_and_come_back(
        self, wrong: Decimal, right: Decimal, calls: list[tuple[int, int, int]]
    ) -> None:
        price_of_house(str(wrong))
        rows = [booked(usage=Usage(fresh, read, 0, output), days=1) for fresh, read, output in calls]
        before = total()
        price_of_house(str(right), days=20)
        tokens = sum(sum(call) for call in calls)

        recompute = applied(counted())
        self.assertAlmostEqual(total(), tokens * right / 1_000_000, places=7)
        taken_back(recompute)
        self.assertAlmostEqual(total(), before, places=7)
        self.assertEqual(UsageRecord.objects.filter(corrects=None).count(), len(rows))
