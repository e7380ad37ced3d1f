"""Prices: the admin's before the price data, from their day on, each row once."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from conversations.accounting.pricing import Prices, price_batch, price_unpriced, unpriced, unpriced_models
from conversations.models import ModelPrice, UsageRecord
from providers.contract import Usage
from tests.accounting.calls import MODEL, booked, days_ago, price_of_house

pytestmark = pytest.mark.django_db


def source_of(asked: str, answered: str = "", days: float = 0) -> str | None:
    quote = Prices(asked, answered).at(days_ago(days))
    return quote.source if quote else None


# --- which price ------------------------------------------------------------


def test_an_admins_price_wins_over_the_price_data_from_its_date_on() -> None:
    price = price_of_house("3", days=10, model="openai:gpt-5-mini")

    assert source_of("openai:gpt-5-mini", days=9) == f"override {price.pk}"
    assert (source_of("openai:gpt-5-mini", days=11) or "").startswith("genai-prices ")


def test_the_latest_price_that_has_begun_applies() -> None:
    old, _, new = (price_of_house(usd, days=days) for usd, days in (("1", 20), ("3", -5), ("2", 10)))

    assert source_of(MODEL) == f"override {new.pk}"
    assert source_of(MODEL, days=15) == f"override {old.pk}"
    assert source_of(MODEL, days=25) is None


def test_the_model_that_answered_comes_before_the_one_that_was_asked() -> None:
    asked = price_of_house("1", model="sim:latest")
    answered = price_of_house("2", model="sim:of-june")

    assert source_of("sim:latest", "of-june") == f"override {answered.pk}"
    assert source_of("sim:latest", "of-may") == f"override {asked.pk}"


def test_a_price_of_the_asked_model_wins_over_the_price_data_of_the_answering_one() -> None:
    price = price_of_house("1", model="openai:gpt-5-mini")

    assert source_of("openai:gpt-5-mini", "gpt-5-mini-2025-08-07") == f"override {price.pk}"


def test_classes_without_a_price_of_their_own_cost_as_much_as_fresh_input() -> None:
    price_of_house("2", output=Decimal(10), cache_read=Decimal("0.5"))

    record = booked(usage=Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000))

    assert record.cost_usd == Decimal("14.5")
    assert record.price is not None
    assert record.price["cache_write"] == "2.000000"


@pytest.mark.parametrize("name", ["gpt-5", ":gpt-5", "openai:", "openai: gpt", ""])
def test_a_price_is_for_a_model_of_a_provider(name: str) -> None:
    with pytest.raises(ValidationError):
        price_of_house("1", model=name)


@pytest.mark.parametrize("usd", ["-1", "10001"])
def test_a_price_is_a_sensible_figure(usd: str) -> None:
    with pytest.raises(ValidationError):
        price_of_house(usd)


def test_one_moment_has_one_price() -> None:
    price = price_of_house("1")

    with pytest.raises(IntegrityError), transaction.atomic():
        ModelPrice.objects.create(
            model=MODEL, effective_from=price.effective_from, fresh_input=Decimal(2), output=Decimal(2)
        )


def test_the_dearest_call_fits_its_column() -> None:
    price_of_house("10000", cache_read=Decimal(0), cache_write=Decimal(0))
    most = 2**31 - 1

    assert booked(usage=Usage(most, most, most, most)).cost_usd == Decimal(2 * most * 10_000) / 1_000_000


def test_pricing_a_row_takes_one_query_of_its_own() -> None:
    booked()
    with CaptureQueriesContext(connection) as captured:
        Prices(MODEL, "answered").at(days_ago(0))

    assert len(captured) == 1


# --- rows without a price ---------------------------------------------------


def test_rows_are_priced_once_somebody_knows_what_they_cost() -> None:
    early, late, other = booked(days=20), booked(days=5), booked("sim:other")
    price = price_of_house("3", days=10)

    assert price_unpriced() == 1
    for record in (early, late, other):
        record.refresh_from_db()
    assert (early.cost_usd, late.cost_usd, other.cost_usd) == (None, 3, None)
    assert late.price is not None
    assert (late.price["source"], late.price["as_of"]) == (f"override {price.pk}", days_ago(5).date().isoformat())


def test_a_priced_row_keeps_its_price() -> None:
    price_of_house("3")
    record = booked()
    price_of_house("4", days=1)

    assert price_unpriced() == 0
    record.refresh_from_db()
    assert record.cost_usd == 3


def test_rows_whose_tokens_nobody_knows_stay_unknown() -> None:
    record = booked(fresh_input=None, cost_usd=None, price=None)
    price_of_house("3")

    assert price_unpriced() == 0
    assert unpriced_models() == []
    assert record.cost_usd is None


def test_many_rows_are_priced_in_batches() -> None:
    for _ in range(450):
        booked()
    price_of_house("3")

    assert price_unpriced() == 450
    assert not unpriced().exists()


def test_models_without_a_price_are_listed_and_never_zero() -> None:
    booked("sim:one", Usage(10, 1, 2, 5), days=2)
    booked("sim:one", Usage(10, 1, 2, 5), days=1)
    booked("sim:two")
    booked("openai:gpt-5-mini")

    assert [(row.model, row.calls, row.tokens) for row in unpriced_models()] == [
        ("sim:two", 1, 1_000_000),
        ("sim:one", 2, 36),
    ]


def test_two_workers_price_each_row_once() -> None:
    booked()
    booked()
    price_of_house("3")
    read_by_one, read_by_other = list(unpriced()), list(unpriced())
    price_of_house("4", days=20)

    priced = [price_batch(Prices(MODEL, ""), rows) for rows in (read_by_one, read_by_other)]

    assert priced == [2, 0]
    assert {row.cost_usd for row in UsageRecord.objects.all()} == {Decimal(4)}


def test_a_batch_that_is_killed_leaves_nothing_half_done() -> None:
    booked()
    booked()
    price_of_house("3")

    class Killed(BaseException):
        pass

    class Dying(Prices):
        asked = 0

        def at(self, when: Any) -> Any:
            Dying.asked += 1
            if Dying.asked == 2:
                raise Killed
            return super().at(when)

    with pytest.raises(Killed):
        price_batch(Dying(MODEL, ""), list(unpriced()))

    assert unpriced().count() == 2
    assert price_unpriced() == 2
