"""`seed_usage`: the same seed, the same ledger, never among real rows. `rebuild_usage` fails where sums differ."""

from datetime import timedelta
from io import StringIO
from random import Random
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from conversations.accounting import reports
from conversations.accounting.reports import rollups
from conversations.accounting.reports.period import Period, day_of
from conversations.accounting.reports.scope import Scope
from conversations.models import RolledSpan, UsageRecord, UsageSum
from tests.accounting.ledgers import added_by_hand, known, people, random_call

pytestmark = pytest.mark.django_db


def seed(**options: Any) -> str:
    out = StringIO()
    call_command("seed_usage", rows=300, users=5, models=4, days=10, stdout=out, **options)
    return out.getvalue()


def run(*options: str) -> str:
    out = StringIO()
    call_command("rebuild_usage", *options, stdout=out, stderr=out)
    return out.getvalue()


def test_the_same_seed_makes_the_same_ledger() -> None:
    assert "seed 7" in seed(seed=7)
    columns = ("id", "created_at", "model_asked", "output", "cost_usd")
    once = list(UsageRecord.objects.order_by("created_at", "id").values_list(*columns))
    UsageRecord.objects.all()._raw_delete(UsageRecord.objects.db)
    seed(seed=7)

    assert list(UsageRecord.objects.order_by("created_at", "id").values_list(*columns)) == once


def test_a_seeded_ledger_is_as_large_as_asked_and_rolled_up() -> None:
    seed(seed=7)
    today = day_of(timezone.now())
    figures = reports.overview(Scope.of(Period.of_days(today - timedelta(days=20), today))).figures

    assert UsageRecord.objects.count() == figures.calls == 300
    assert known(figures) == added_by_hand(list(UsageRecord.objects.all()))
    assert RolledSpan.objects.filter(stale=False).count() >= 8
    assert figures.unpriced


def test_another_ledger_each_time_says_its_seed() -> None:
    assert "seed " in seed()


def test_nothing_is_seeded_among_rows_unless_told_so() -> None:
    UsageRecord.book([random_call(Random(1), timezone.now(), people())])

    with pytest.raises(CommandError, match="has rows"):
        seed()
    seed(among_real_rows=True)
    assert UsageRecord.objects.count() == 301


def test_rebuilding_proves_that_sums_equal_rows() -> None:
    seed(no_roll_up=True)
    out = run()

    assert "made anew" in out
    assert "equal" in out
    assert "equal" in run("--check")


def test_checking_fails_and_says_where_sums_differ() -> None:
    seed()
    wrong = UsageSum.objects.filter(span="day", user_key__gt=0).first()
    assert wrong
    UsageSum.objects.filter(pk=wrong.pk).update(calls=wrong.calls + 1)

    with pytest.raises(CommandError, match="1 sums differ"):
        run("--check")
    assert "equal" in run()
    assert list(rollups.differences(wrong.start, wrong.start)) == []


def test_an_empty_ledger_needs_nothing() -> None:
    assert run() == "The ledger is empty.\n"
