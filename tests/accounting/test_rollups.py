"""Totals equal the rows, whatever is rolled up, spoiled or added meanwhile. Ledgers are random, seeds printed."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone

from conversations.accounting import reports
from conversations.accounting.reports import rollups
from conversations.accounting.reports.figures import NAMES
from conversations.accounting.reports.period import Period, day_of, midnight
from conversations.accounting.reports.scope import Scope
from conversations.models import RolledSpan, Span, UsageRecord, UsageSum
from tests.accounting.ledgers import added_by_hand, correct, known, marks, people, random_call, random_ledger
from tests.seeds import drawn_seed

pytestmark = pytest.mark.django_db

# Clocks change within: back on 25 October, so that a day has 25 hours.
FIRST = datetime(2026, 9, 28, tzinfo=UTC)
DAYS = 50
# Of twelve, others each time.
SCOPES_AT_A_TIME = 5


@pytest.fixture(params=["Europe/Berlin", "Asia/Kathmandu"])
def zone(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.TIME_ZONE = request.param
    timezone.get_default_timezone.cache_clear()
    request.addfinalizer(timezone.get_default_timezone.cache_clear)
    return str(request.param)


@pytest.fixture
def random() -> Random:
    return Random(drawn_seed())


@pytest.fixture
def ledger(random: Random) -> list[int]:
    users = people()
    random_ledger(random, FIRST, DAYS, 300, users)
    return users


FILTERS = [
    {},
    {"user": 0},
    {"group": 0},
    {"group": 1},
    {"model": "openai:gpt-5.5"},
    {"provider": "anthropic", "purpose": "answer"},
    {"confidence": "estimated"},
    {"outcome": "overloaded", "user": 1},
]


def periods() -> list[Period]:
    return [
        Period.of_days(date(2026, 9, 28), date(2026, 11, 20)),
        Period.named("2026-10"),
        Period.named("2026-10-25"),
        Period(FIRST + timedelta(days=3, hours=5), FIRST + timedelta(days=33, minutes=7)),
    ]


def scopes(users: list[int]) -> list[Scope]:
    """Each period, each filter; not each with each, which would take long."""
    groups = [0, Group.objects.get(name="staff").pk]
    found = []
    for number, period in enumerate(periods()):
        for chosen in (FILTERS[0], *FILTERS[number + 1 :: len(periods())]):
            filters: dict[str, Any] = dict(chosen)
            if "user" in filters:
                filters["user"] = users[filters["user"]]
            if "group" in filters:
                filters["group"] = groups[filters["group"]]
            found.append(Scope.of(period, **filters))
    return found


def rows_of(scope: Scope) -> list[UsageRecord]:
    """Chosen by hand, one by one."""
    groups: dict[int, set[int]] = defaultdict(set)
    for user in get_user_model().objects.prefetch_related("groups"):
        groups[user.pk] = {group.pk for group in user.groups.all()}
    return [
        row
        for row in UsageRecord.objects.all()
        if scope.period.start <= row.created_at < scope.period.end
        if scope.user is None or row.user_key == scope.user
        if scope.group is None or (scope.group in groups[row.user_key] if scope.group else not groups[row.user_key])
        if all(
            getattr(row, {"model": "model_asked"}.get(name, name)) == value
            for name, value in scope.filters.items()
            if name not in ("user", "group")
        )
    ]


def assert_totals_equal_rows(users: list[int], random: Random) -> None:
    for scope in random.sample(scopes(users), SCOPES_AT_A_TIME):
        rows = rows_of(scope)
        true = added_by_hand(rows)
        overview = reports.overview(scope)
        assert known(overview.figures) == true, scope
        assert overview.active_users == len({row.user_key for row in rows if not row.corrects_id}), scope
        assert known(reports.added_up(reports.over_time(scope).totals)) == true, scope
        for report in (reports.by_user, reports.by_model, reports.by_provider, reports.by_purpose):
            table = report(scope)
            assert known(table.total) == true, scope
            assert known(reports.added_up(line.figures for line in table.lines)) == true, scope
        assert known(reports.by_group(scope).total) == true, scope
        assert known(reports.added_up(reports.matrix(scope, NAMES).cells.values())) == true, scope
        assert sum(line.figures.known_cost_usd for line in reports.conversations(scope).lines) == true.known_cost_usd
        assert sum(line.figures.calls for line in reports.reliability(scope)) == true.calls


def test_totals_equal_the_rows_before_and_after_rolling_up(zone: str, ledger: list[int], random: Random) -> None:
    assert_totals_equal_rows(ledger, random)
    rollups.roll_up()
    assert marks() > DAYS - 2
    assert_totals_equal_rows(ledger, random)


def test_totals_equal_the_rows_while_days_are_spoiled(zone: str, ledger: list[int], random: Random) -> None:
    rollups.roll_up()
    before = marks()
    random_ledger(random, FIRST, DAYS, 20, ledger)
    for row in UsageRecord.objects.filter(cost_usd=None, corrects=None, saved_usd=None)[:10]:
        price = {"fresh_input": "1", "cache_read": "1", "cache_write": "1", "output": "2"}
        assert UsageRecord.fill_prices([(row, price, Decimal("0.0123456789"))]) == 1

    assert marks() < before
    assert_totals_equal_rows(ledger, random)
    rollups.roll_up()
    # More, where the new rows fell on a day that had none.
    assert marks() >= before
    assert_totals_equal_rows(ledger, random)


def test_rolling_up_twice_is_the_same_as_once(ledger: list[int]) -> None:
    rollups.roll_up()
    once = list(UsageSum.objects.order_by("pk").values())
    for day in sorted({day_of(row.created_at) for row in UsageRecord.objects.all()}):
        rollups.roll_day(day)
    rollups.roll_month(date(2026, 10, 1))

    assert list(UsageSum.objects.order_by("pk").values()) == once


def test_what_was_rolled_up_equals_its_rows_to_the_last_key(zone: str, ledger: list[int]) -> None:
    rollups.roll_up()

    assert list(rollups.differences(date(2026, 9, 1), date(2026, 11, 21))) == []


def test_a_sum_that_is_wrong_is_found(ledger: list[int]) -> None:
    rollups.roll_up()
    wrong = UsageSum.objects.filter(span=Span.DAY, user_key__gt=0).first()
    assert wrong
    UsageSum.objects.filter(pk=wrong.pk).update(output=wrong.output + 1)

    found = list(rollups.differences(date(2026, 9, 1), date(2026, 11, 21)))
    assert [(difference.span, difference.start) for difference in found] == [("day", wrong.start)]


def test_rebuilding_puts_wrong_sums_right(ledger: list[int], random: Random) -> None:
    rollups.roll_up()
    UsageSum.objects.update(cost_usd=5)
    list(rollups.rebuild(date(2026, 9, 27), date(2026, 11, 20)))

    assert list(rollups.differences(date(2026, 9, 1), date(2026, 11, 21))) == []
    assert_totals_equal_rows(ledger, random)


def test_a_call_of_today_spoils_nothing_and_one_of_a_past_day_its_day_and_month(random: Random) -> None:
    users = people()
    random_ledger(random, FIRST, DAYS, 50, users)
    rollups.roll_up()
    before = marks()
    UsageRecord.book([random_call(random, timezone.now(), users)])
    assert marks() == before

    UsageRecord.book([random_call(random, datetime(2026, 10, 7, 12, tzinfo=UTC), users)])
    stale = RolledSpan.objects.filter(stale=True, start__month=10).values_list("span", "start")
    assert sorted(stale) == [("day", date(2026, 10, 7)), ("month", date(2026, 10, 1))]


def test_a_day_is_rolled_up_an_hour_after_its_end_and_not_before(random: Random) -> None:
    UsageRecord.book([random_call(random, FIRST, people())])

    end = midnight(day_of(FIRST) + timedelta(days=1))
    assert rollups.due_days(end + timedelta(minutes=59)) == []
    assert rollups.due_days(end + timedelta(minutes=61)) == [day_of(FIRST)]


def test_another_time_zone_makes_all_sums_anew(ledger: list[int], random: Random, settings: Any, request: Any) -> None:
    rollups.roll_up()
    settings.TIME_ZONE = "Asia/Tokyo"
    timezone.get_default_timezone.cache_clear()
    request.addfinalizer(timezone.get_default_timezone.cache_clear)

    assert RolledSpan.valid(date(2026, 1, 1), date(2027, 1, 1)) == []
    assert_totals_equal_rows(ledger, random)
    rollups.roll_up()
    assert list(rollups.differences(date(2026, 9, 1), date(2026, 11, 21))) == []
    assert_totals_equal_rows(ledger, random)


def test_an_empty_ledger_has_nothing_to_roll_up() -> None:
    assert rollups.roll_up() == 0


def test_a_correction_counts_in_the_day_of_what_it_corrects(random: Random) -> None:
    call = random_call(random, datetime(2026, 10, 7, 12, tzinfo=UTC), people())
    call.cost_usd, call.confidence = Decimal(2), "reported"
    UsageRecord.book([call])
    rollups.roll_up()
    correct(call, Decimal("-0.5"))

    figures = reports.overview(Scope.of("2026-10-07")).figures
    assert (figures.calls, figures.cost_usd) == (1, Decimal("1.5"))
