"""Reports take a bounded number of queries, name what they show, and keep unknown apart from zero."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.accounting import reports
from conversations.accounting.reports import rollups
from conversations.accounting.reports.figures import Figures, change
from conversations.accounting.reports.scope import NO_GROUP, Scope
from conversations.accounting.reports.waits import place_of, quantile, seconds_of
from conversations.models import CatalogEntry, UsageRecord
from tests.accounting.ledgers import correct, people, random_call, random_ledger

pytestmark = pytest.mark.django_db

FIRST = datetime(2026, 9, 28, tzinfo=UTC)
IN_OCTOBER = datetime(2026, 10, 7, 12, tzinfo=UTC)
OCTOBER = Scope.of("2026-10")
REPORTS: dict[str, tuple[Callable[[Scope], Any], int]] = {
    "overview": (reports.overview, 8),
    "over_time": (reports.over_time, 4),
    "by_user": (reports.by_user, 4),
    "by_group": (reports.by_group, 5),
    "by_model": (reports.by_model, 4),
    "by_provider": (reports.by_provider, 3),
    "by_purpose": (reports.by_purpose, 3),
    "matrix": (reports.matrix, 5),
    "conversations": (reports.conversations, 9),
    "calls": (reports.calls, 3),
    "reliability": (reports.reliability, 7),
    "unpriced": (reports.unpriced, 7),
}


def queries(report: Callable[[Scope], Any], scope: Scope) -> int:
    with CaptureQueriesContext(connection) as captured:
        report(scope)
    return len(captured)


def test_more_rows_take_no_more_queries() -> None:
    users = people()
    random_ledger(Random(1), FIRST, 50, 60, users)
    rollups.roll_up()
    UsageRecord.book([random_call(Random(2), IN_OCTOBER, users)])
    few = {name: queries(report, OCTOBER) for name, (report, _) in REPORTS.items()}
    users += [get_user_model().objects.create(username=f"more{number}").pk for number in range(8)]
    random_ledger(Random(3), FIRST, 50, 200, users)
    rollups.roll_up()
    UsageRecord.book([random_call(Random(4), IN_OCTOBER + timedelta(days=3), users)])

    assert [name for name, (report, _) in REPORTS.items() if queries(report, OCTOBER) > few[name]] == []
    assert [name for name, (_, most) in REPORTS.items() if few[name] > most] == []


def test_the_page_of_a_call_takes_as_many_queries_for_one_attempt_as_for_many() -> None:
    call = booked()
    with CaptureQueriesContext(connection) as few:
        reports.call(call.pk)
    for _ in range(5):
        booked(generation_id=call.generation_id)
        correct(call, Decimal("0.1"))
    with CaptureQueriesContext(connection) as many:
        found = reports.call(call.pk)

    assert found
    assert (len(found.attempts), len(found.corrections)) == (6, 5)
    assert len(many) == len(few) <= 5


def booked(at: datetime = IN_OCTOBER, users: list[int] | None = None, **fields: Any) -> UsageRecord:
    """A call of 1,000 fresh input tokens at 2 dollars a million and 500 of output at 8."""
    call = random_call(Random(1), at, users or [1])
    plain: dict[str, Any] = {
        "fresh_input": 1_000,
        "cache_read": 0,
        "cache_write": 0,
        "output": 500,
        "reasoning": 0,
        "purpose": "answer",
        "outcome": "complete",
        "confidence": "reported",
        "price": {"fresh_input": "2", "cache_read": "0.2", "cache_write": "2.5", "output": "8", "source": "a test"},
        "cost_usd": Decimal("0.006"),
        "saved_usd": None,
        "generation_id": uuid4(),
        "model_asked": "openai:gpt-5.5",
        "provider": "openai",
        "duration_s": 10.0,
        "ttft_s": 2.0,
    }
    for name, value in (plain | fields).items():
        setattr(call, name, value)
    UsageRecord.book([call])
    return call


def test_a_call_is_shown_with_its_price_line_by_line() -> None:
    call = booked()
    correct(call, Decimal("-0.001"))
    found = reports.call(call.pk)

    assert found
    lines = {line.token_class: (line.tokens, line.usd_per_million, line.cost_usd) for line in found.price_lines}
    assert lines["fresh_input"] == (1_000, Decimal(2), Decimal("0.002"))
    assert lines["output"] == (500, Decimal(8), Decimal("0.004"))
    assert (found.cost_usd, found.price_source, found.tokens_per_s) == (Decimal("0.005"), "a test", 50.0)


def test_a_correction_leads_to_the_call_it_corrects() -> None:
    call = booked()
    found = reports.call(correct(call, Decimal(1)).pk)

    assert found
    assert found.call.key == call.pk


def test_there_is_no_page_of_a_call_that_is_not_there() -> None:
    assert reports.call(uuid4()) is None


def test_unknown_is_not_zero() -> None:
    booked(cost_usd=None, price=None)
    (line,) = reports.by_model(OCTOBER).lines
    assert (line.figures.cost_usd, line.figures.unpriced, line.share) == (None, 1, None)

    booked()
    (line,) = reports.by_model(OCTOBER).lines
    assert (line.figures.cost_usd, line.figures.is_whole) == (Decimal("0.006"), False)


def test_what_caches_save_is_what_the_tokens_would_have_cost_fresh() -> None:
    booked(fresh_input=0, cache_read=1_000_000, cache_write=100_000)

    figures = reports.overview(OCTOBER).figures
    assert figures.cache_saved_usd == Decimal("1.8") - Decimal("0.05")
    assert figures.cache_read_share == pytest.approx(1_000_000 / 1_100_000)


def test_people_in_several_groups_count_in_each_and_those_in_none_apart() -> None:
    users = people()
    for user in users:
        booked(users=[user])
    table = reports.by_group(OCTOBER)

    assert {line.title: line.figures.calls for line in table.lines} == {"staff": 2, "testers": 2, "In no group": 3}
    assert (table.overlapping, table.total.calls) == (True, 5)
    named = Group.objects.filter(name__in=["staff", "testers"])
    assert {line.key for line in table.lines} == {*named.values_list("pk", flat=True), NO_GROUP}


def test_deleted_users_keep_their_key_and_models_their_title() -> None:
    CatalogEntry.objects.create(model="openai:gpt-5.5", title="Our favourite")
    *_, gone = people()
    booked(users=[gone])

    assert [line.title for line in reports.by_user(OCTOBER).lines] == [f"deleted user {gone}"]
    assert [line.title for line in reports.by_model(OCTOBER).lines] == ["Our favourite"]


def test_the_tiles_are_compared_with_the_period_before() -> None:
    booked(datetime(2026, 9, 10, tzinfo=UTC))
    for _ in range(3):
        booked()
    overview = reports.overview(OCTOBER)

    assert (overview.change("calls"), overview.change("known_cost_usd"), overview.change("active_users")) == (2, 2, 0)
    assert overview.change("errors") is None


def test_a_change_from_nothing_or_from_the_unknown_is_none() -> None:
    assert (change(5, 0), change(None, 5), change(5, None), change(5, 4)) == (None, None, None, 0.25)


def test_pages_of_calls_follow_one_another_without_gap_or_repetition() -> None:
    users = people()
    random_ledger(Random(5), FIRST, 20, 40, users)
    same_moment = [booked(IN_OCTOBER) for _ in range(5)]
    scope = Scope.of("2026")
    seen, after = [], None
    while True:
        page = reports.calls(scope, after, 7)
        seen += [line.key for line in page.lines]
        after = page.after
        if after is None:
            break

    assert len(seen) == len(set(seen)) == UsageRecord.objects.count()
    assert {call.pk for call in same_moment} <= set(seen)


@pytest.mark.parametrize("after", ["", "x", "0", "fcca9878-8018-4ad1-b7b3-e909044fa6d2"])
def test_nonsense_as_the_place_in_the_list_does_no_harm(after: str) -> None:
    booked()

    assert len(reports.calls(OCTOBER, after).lines) <= 1


def test_the_dearest_conversations_come_first_wherever_their_rows_are() -> None:
    keys = [uuid4() for _ in range(6)]
    for number, key in enumerate(keys):
        booked(conversation_key=key, cost_usd=Decimal(number))
        booked(datetime(2026, 10, 9, tzinfo=UTC), conversation_key=key, cost_usd=Decimal(number))
    rollups.roll_up()
    booked(datetime(2026, 10, 20, tzinfo=UTC), conversation_key=keys[0], cost_usd=Decimal(7))
    found = reports.conversations(OCTOBER, limit=3)

    assert [(line.key, line.figures.known_cost_usd) for line in found.lines] == [
        (keys[5], 10),
        (keys[4], 8),
        (keys[0], 7),
    ]
    assert found.count == 6
    assert [line.key for line in reports.conversations(OCTOBER, limit=3, offset=3).lines] == keys[3:0:-1]


def test_a_conversation_that_a_correction_made_cheap_is_not_among_the_dearest() -> None:
    dear = booked(conversation_key=uuid4(), cost_usd=Decimal(9))
    cheap = booked(conversation_key=uuid4(), cost_usd=Decimal(5))
    rollups.roll_up()
    correct(dear, Decimal(-8))

    assert [line.key for line in reports.conversations(OCTOBER, limit=1).lines] == [cheap.conversation_key]


def test_reliability_is_told_per_model() -> None:
    for seconds in range(1, 101):
        booked(ttft_s=float(seconds), outcome="overloaded" if seconds > 90 else "complete")
    (line,) = reports.reliability(OCTOBER)

    assert line.ttft_p50_s == pytest.approx(50, rel=0.05)
    assert line.ttft_p95_s == pytest.approx(95, rel=0.05)
    assert (line.figures.error_share, line.figures.tokens_per_s) == (0.1, 50.0)


def test_rolled_up_or_not_reliability_is_the_same() -> None:
    random_ledger(Random(6), FIRST, 30, 100, people())
    before = reports.reliability(OCTOBER)
    rollups.roll_up()

    assert reports.reliability(OCTOBER) == before


@pytest.mark.parametrize("seconds", [0.0005, 0.001, 0.3, 1.0, 59.9, 700.0])
def test_a_bucket_of_waits_is_at_most_five_percent_off(seconds: float) -> None:
    assert seconds_of(place_of(seconds)) == pytest.approx(max(seconds, 0.001), rel=0.05)


def test_a_quantile_of_nothing_is_unknown() -> None:
    assert quantile({}, 0.5) is None


def test_models_without_a_price_are_listed_with_the_days_they_were_used() -> None:
    booked(model_asked="ollama:llama", provider="ollama", cost_usd=None, price=None)
    booked(
        datetime(2026, 10, 20, 12, tzinfo=UTC), model_asked="ollama:llama", provider="ollama", cost_usd=None, price=None
    )
    booked()
    for _ in range(2):
        (line,) = reports.unpriced(OCTOBER)
        assert (line.model, line.figures.unpriced) == ("ollama:llama", 2)
        assert (line.first_day.day, line.last_day.day) == (7, 20)
        rollups.roll_up()


def test_an_empty_ledger_has_empty_reports() -> None:
    for report, _ in REPORTS.values():
        report(OCTOBER)
    assert reports.overview(OCTOBER).figures == Figures()
    assert reports.choices().models == []
