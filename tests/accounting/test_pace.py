"""At what a month ends: the arithmetic at the edges of months, and where clocks change."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.accounting.alerts.pace import at_month_end, share_of_month
from conversations.accounting.reports.period import midnight, months_later

NOVEMBER = date(2026, 11, 1)


def test_half_of_the_month_gone_means_twice_as_much_at_its_end() -> None:
    assert at_month_end(Decimal(40), NOVEMBER, datetime(2026, 11, 16, tzinfo=UTC)) == 80


@pytest.mark.parametrize("hours", [0, 1, 47])
def test_before_the_third_day_nothing_is_said(hours: int) -> None:
    assert at_month_end(Decimal(40), NOVEMBER, datetime(2026, 11, 1, tzinfo=UTC) + timedelta(hours=hours)) is None


def test_on_the_third_day_it_is() -> None:
    assert at_month_end(Decimal(4), NOVEMBER, datetime(2026, 11, 3, tzinfo=UTC)) == 60


def test_a_month_that_is_over_ends_at_what_was_spent() -> None:
    assert at_month_end(Decimal(40), NOVEMBER, datetime(2027, 3, 1, tzinfo=UTC)) == 40


@pytest.mark.parametrize(
    ("month", "hours"),
    [(date(2026, 3, 1), 31 * 24 - 1), (date(2026, 10, 1), 31 * 24 + 1), (date(2026, 2, 1), 28 * 24)],
)
def test_a_month_with_a_change_of_clocks_has_its_real_hours(settings: Any, month: date, hours: int) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    now = midnight(month) + timedelta(hours=240)

    share = share_of_month(month, now)

    assert share is not None
    assert abs(share - Decimal(240) / hours) < Decimal("1e-12")


def test_the_month_begins_at_the_midnight_of_the_site(settings: Any) -> None:
    settings.TIME_ZONE = "Pacific/Kiritimati"  # 14 hours before Greenwich

    share = share_of_month(NOVEMBER, datetime(2026, 11, 10, 10, tzinfo=UTC))

    assert share == Decimal(10) / 30


@given(month=st.dates(date(2020, 1, 1), date(2035, 12, 31)), minutes=st.integers(2 * 24 * 60, 40 * 24 * 60))
def test_the_end_is_never_below_what_has_been_spent(month: date, minutes: int) -> None:
    first = month.replace(day=1)
    now = midnight(first) + timedelta(minutes=minutes)

    end = at_month_end(Decimal(7), first, now)

    assert end is not None
    assert end == 7 if now >= midnight(months_later(first, 1)) else end > 7
