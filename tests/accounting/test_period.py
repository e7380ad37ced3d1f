"""Periods in the site's time zone, days of 23 and 25 hours too; scopes go to an address and back; nonsense is told."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from conversations.accounting.reports.period import PRESETS, Bucket, Period, day_of, index_of, local, midnight
from conversations.accounting.reports.scope import Scope, ScopeForm

NOW = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)
LONG_DAY, SHORT_DAY = date(2026, 10, 25), date(2026, 3, 29)


@pytest.fixture(autouse=True)
def berlin(settings: Any) -> Iterator[None]:
    yield from in_zone(settings, "Europe/Berlin")


def in_zone(settings: Any, name: str) -> Iterator[None]:
    settings.TIME_ZONE = name
    timezone.get_default_timezone.cache_clear()
    yield
    timezone.get_default_timezone.cache_clear()


def days(period: Period) -> tuple[str, str]:
    return period.first_day.isoformat(), period.last_day.isoformat()


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2026-11-22", "2026-11-22"),
        ("yesterday", "2026-11-21", "2026-11-21"),
        ("7d", "2026-11-16", "2026-11-22"),
        ("30d", "2026-10-24", "2026-11-22"),
        ("this-month", "2026-11-01", "2026-11-30"),
        ("last-month", "2026-10-01", "2026-10-31"),
        ("this-year", "2026-01-01", "2026-12-31"),
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("2026-02-03", "2026-02-03", "2026-02-03"),
    ],
)
def test_a_name_is_a_period(name: str, first: str, last: str) -> None:
    assert days(Period.named(name, NOW)) == (first, last)


def test_today_is_the_day_on_the_sites_clock() -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)

    assert days(Period.named("today", late)) == ("2026-11-23", "2026-11-23")


@pytest.mark.parametrize("name", ["", "8d", "2026-13", "2026-02-30", "20261", "this week", "0000", "2026-11-22T10"])
def test_other_names_are_none(name: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Period.named(name, NOW)


@pytest.mark.parametrize(("day", "hours"), [(LONG_DAY, 25), (SHORT_DAY, 23), (date(2026, 7, 1), 24)])
def test_a_day_has_as_many_hours_as_the_clock_says(day: date, hours: int) -> None:
    period = Period.named(day.isoformat())
    buckets = Scope.of(period).buckets()

    assert (period.end - period.start, period.days) == (timedelta(hours=hours), 1)
    assert len(buckets) == hours
    assert (buckets[0].start, buckets[-1].end) == (period.start, period.end)


def test_the_hour_that_comes_twice_is_two_columns_with_one_label() -> None:
    labels = [bucket.label for bucket in Scope.of(LONG_DAY.isoformat()).buckets()]

    assert labels.count("02:00") == 2


def test_hours_begin_on_the_clock_where_it_is_half_an_hour_off(settings: Any) -> None:
    for _ in in_zone(settings, "Asia/Kathmandu"):
        assert {bucket.label[-2:] for bucket in Scope.of("2026-11-22").buckets()} == {"00"}


def test_a_day_begins_at_one_where_clocks_skip_midnight(settings: Any) -> None:
    for _ in in_zone(settings, "America/Santiago"):
        period = Period.named("2026-09-06")
        assert (local(period.start).hour, period.end - period.start) == (1, timedelta(hours=23))


def test_buckets_of_a_month_are_its_days_and_those_of_a_year_its_months() -> None:
    assert [bucket.label for bucket in Scope.of("2026-10").buckets()][:2] == ["1 Oct", "2 Oct"]
    assert [bucket.label for bucket in Scope.of("2026").buckets()][-1] == "Dec 2026"


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("2026-11-22", ("2026-11-21", "2026-11-21")),
        ("2026-03", ("2026-02-01", "2026-02-28")),
        ("2026", ("2025-01-01", "2025-12-31")),
        ("last-month", ("2026-09-01", "2026-09-30")),
        ("yesterday", ("2026-11-20", "2026-11-20")),
    ],
)
def test_the_period_before_is_of_the_same_kind(name: str, before: tuple[str, str]) -> None:
    assert days(Period.named(name, NOW).previous(datetime(2027, 6, 1, tzinfo=UTC))) == before


def test_a_period_that_runs_is_compared_with_as_much_of_the_one_before() -> None:
    assert local(Period.named("today", NOW).previous(NOW).end).isoformat() == "2026-11-21T15:30:00+01:00"
    assert local(Period.named("this-month", NOW).previous(NOW).end).isoformat() == "2026-10-22T15:30:00+02:00"
    assert days(Period.named("7d", NOW).previous(NOW)) == ("2026-11-09", "2026-11-15")


def test_the_31st_has_the_end_of_a_shorter_month_before_it() -> None:
    now = datetime(2026, 3, 31, 12, tzinfo=UTC)

    assert days(Period.named("this-month", now).previous(now)) == ("2026-02-01", "2026-02-28")


def test_the_hour_before_an_hour_is_an_hour() -> None:
    hour = Period(NOW, NOW + timedelta(hours=1))

    assert hour.previous(NOW + timedelta(days=1)) == Period(NOW - timedelta(hours=1), NOW)


@given(
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.integers(0, 800),
    st.sampled_from(["", "hour", "day", "month"]),
)
def test_buckets_cover_the_period_without_gap_or_overlap(first: date, length: int, size: str) -> None:
    period = Period.of_days(first, first + timedelta(days=min(length, 9) if size == "hour" else length))
    buckets = Scope.of(period, size).buckets()

    assert buckets[0].start == period.start
    assert buckets[-1].end == period.end
    assert all(bucket.start < bucket.end for bucket in buckets)
    assert all(a.end == b.start for a, b in pairwise(buckets))
    edges = [bucket.start for bucket in buckets]
    assert [index_of(edges, bucket.start) for bucket in buckets] == list(range(len(buckets)))


SCOPES: list[Callable[[], Scope]] = [
    lambda: Scope.of("7d"),
    lambda: Scope.of("2026-10", "month"),
    lambda: Scope.of(Period.of_days(date(2026, 3, 1), date(2026, 4, 2)), user=7, group=0, model="openai:gpt-5.5"),
    lambda: Scope.of(Period(NOW, NOW + timedelta(hours=1)), provider="ollama", purpose="title", outcome="rate_limited"),
    lambda: Scope.of(Period.of_days(LONG_DAY, LONG_DAY), "hour", conversation=UUID(int=5), confidence="partial"),
    lambda: Scope.of("30d", model='a&b=c#d?"é'),
]


@pytest.mark.parametrize("made", SCOPES)
def test_an_address_leads_back_to_the_same_scope(made: Callable[[], Scope]) -> None:
    scope = made()
    form = ScopeForm(dict(parse_qsl(scope.query())))

    assert (form.scope, form.errors) == (scope, {})


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_an_address_and_a_title(name: str) -> None:
    assert Scope.of(name).query() == f"period={name}"
    assert Period.named(name).title == PRESETS[name]


def test_a_column_leads_to_itself_alone() -> None:
    month = Scope.of("2026", model="openai:gpt-5.5").buckets()[9]
    scope = Scope.of("2026", model="openai:gpt-5.5").zoomed(month)
    day = scope.zoomed(scope.buckets()[24])
    hour = day.zoomed(day.buckets()[2])

    assert (scope.query(), day.period.name) == ("period=2026-10&model=openai%3Agpt-5.5", "2026-10-25")
    assert (hour.period.start, hour.period.end) == (day.buckets()[2].start, day.buckets()[2].end)
    assert ScopeForm(dict(parse_qsl(hour.query()))).scope == hour


def test_the_cut_column_at_an_edge_stays_cut() -> None:
    scope = Scope.of(Period(NOW, NOW + timedelta(days=40)), "day")
    first = scope.zoomed(scope.buckets()[0])

    assert first.period == Period(NOW, midnight(day_of(NOW) + timedelta(days=1)))


NONSENSE = [
    ({"period": "tomorrow"}, {"period"}),
    ({"period": "x" * 100}, {"period"}),
    ({"from": "2026-05-01", "to": "2026-04-01"}, {"period"}),
    ({"from": "yesterday"}, {"period"}),
    ({"from": "0001-01-01"}, {"period"}),
    ({"from": "1950-01-01", "to": "2026-01-01"}, {"period"}),
    ({"from": "2026-02-30"}, {"period"}),
    ({"from": "9999-12-31T23:59:59+00:00"}, {"period"}),
    ({"bucket": "week"}, {"bucket"}),
    ({"bucket": "hour", "period": "2026"}, {"bucket"}),
    ({"user": "nobody-of-this-name"}, {"user"}),
    ({"user": "9" * 40}, {"user"}),
    ({"group": "-1"}, {"group"}),
    ({"purpose": "fun"}, {"purpose"}),
    ({"conversation": "7"}, {"conversation"}),
    ({"confidence": "sure"}, {"confidence"}),
    ({"model": "m" * 500}, {"model"}),
    ({"outcome": "\x00"}, {"outcome"}),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("query", "wrong"), NONSENSE)
def test_nonsense_is_told_and_left_out(query: dict[str, str], wrong: set[str]) -> None:
    form = ScopeForm({"provider": "openai", **query}, NOW)

    assert set(form.errors) == wrong
    assert form.scope.provider == "openai"
    assert form.scope.filters.keys() == {"provider"}


@given(st.dictionaries(st.sampled_from(list(ScopeForm.base_fields)), st.text(max_size=60)))
def test_no_address_makes_it_fail(query: dict[str, str]) -> None:
    query.pop("user", None)
    query.pop("group", None)
    scope = ScopeForm(query, NOW).scope

    assert scope.buckets()
    assert scope.previous(NOW)
    assert ScopeForm(dict(parse_qsl(scope.query())), NOW).scope == scope


@pytest.mark.django_db
def test_users_and_groups_are_found_by_name_or_key() -> None:
    alice = get_user_model().objects.create(username="alice")
    staff = Group.objects.create(name="staff")
    form = ScopeForm({"user": "alice", "group": "staff"})

    assert (form.scope.user, form.scope.group) == (alice.pk, staff.pk)
    assert ScopeForm({"user": "12345"}).scope.user == 12345


def test_a_bucket_says_what_it_is() -> None:
    assert Bucket(midnight(LONG_DAY), midnight(LONG_DAY + timedelta(days=1)), "day").title == "Sunday 25 October 2026"
