"""Files of reports: what is documented, what adds up, what no spreadsheet takes for a formula."""

import csv
import io
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from conversations.accounting import reports
from conversations.accounting.reports import columns, rollups
from conversations.accounting.reports.columns import VIEWS, cell, lines, literal, plain
from conversations.accounting.reports.scope import Scope
from conversations.models import UsageRecord
from tests import columns_table
from tests.accounting.ledgers import correct, people, random_call, random_ledger

FIRST = datetime(2026, 9, 28, tzinfo=UTC)
# The columns of FOCUS 1.2 that we use; a name that it does not have must begin with x_.
FOCUS = {
    "BilledCost",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ProviderName",
    "ResourceId",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SubAccountId",
    "SubAccountName",
}


@pytest.fixture
def scope(db: Any) -> Scope:
    random_ledger(Random(1), FIRST, 10, 60, people())
    rollups.roll_up()
    return Scope.of("2026-10")


def read(view: str, kind_of_file: str, scope: Scope, kind: str = "") -> list[dict[str, Any]]:
    text = "".join(lines(view, kind_of_file, scope, kind))
    if kind_of_file == "jsonl":
        return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]
    assert text.startswith(columns.BYTE_ORDER_MARK)
    return list(csv.DictReader(io.StringIO(text[1:])))


def test_the_documents_list_the_columns() -> None:
    assert columns_table.TABLE.read_text() == columns_table.table()


def test_columns_are_those_of_focus_or_marked_as_ours() -> None:
    names = {column.name for view in VIEWS.values() for column in view.columns}

    assert {name for name in names if not name.startswith("x_")} == FOCUS
    assert all(re.fullmatch(r"x_[A-Z][A-Za-z0-9]+", name) for name in names - FOCUS)


def test_both_kinds_of_file_say_the_same(scope: Scope) -> None:
    for view in VIEWS:
        comma, objects = read(view, "csv", scope), read(view, "jsonl", scope)

        assert comma, view
        assert [list(row) for row in comma] == [list(row) for row in objects]
        shown = [{name: "" if value is None else str(plain(value)) for name, value in row.items()} for row in objects]
        assert [row | {} for row in comma] == shown, view


def test_a_file_adds_up_to_the_total_of_the_page(scope: Scope) -> None:
    figures = reports.overview(scope).figures
    for view in [name for name in VIEWS if name not in ("by-group", "reliability", "unpriced")]:
        rows = read(view, "jsonl", scope)

        assert sum(row["BilledCost"] or 0 for row in rows) == figures.known_cost_usd, view
        assert sum(row["ConsumedQuantity"] or 0 for row in rows) == figures.tokens, view


def test_calls_come_latest_first_with_their_corrections(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "CALLS_AT_ONCE", 7)
    rows = read("calls", "jsonl", scope)

    assert len(rows) == UsageRecord.objects.filter(created_at__range=(scope.period.start, scope.period.end)).count()
    assert len({row["x_CallId"] for row in rows}) == len(rows)
    assert all(later["ChargePeriodStart"] >= row["ChargePeriodStart"] for later, row in pairwise(rows))
    corrections = [row for row in rows if row["ChargeClass"]]
    assert corrections
    assert all(row["x_CorrectsCallId"] and row["ConsumedQuantity"] is None for row in corrections)


def test_a_file_of_calls_can_be_narrowed_to_the_rows_behind_a_figure(scope: Scope) -> None:
    assert len(read("calls", "jsonl", scope, "unpriced")) == reports.overview(scope).figures.unpriced


def test_an_unknown_cost_is_empty_and_not_zero(db: Any) -> None:
    call = random_call(Random(1), datetime(2026, 10, 3, tzinfo=UTC), people())
    call.cost_usd = call.price = None
    UsageRecord.book([call])

    for view in ("calls", "by-user"):
        assert [row["BilledCost"] for row in read(view, "csv", Scope.of("2026-10"))] == [""]
        assert [row["BilledCost"] for row in read(view, "jsonl", Scope.of("2026-10"))] == [None]


def test_a_negative_correction_stays_a_number(db: Any) -> None:
    call = random_call(Random(1), datetime(2026, 10, 3, tzinfo=UTC), people())
    call.cost_usd = Decimal(1)
    UsageRecord.book([call])
    correct(call, Decimal("-0.25"))

    assert "-0.2500000000" in [row["BilledCost"] for row in read("calls", "csv", Scope.of("2026-10"))]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "\r=1"])
def test_a_text_cannot_be_taken_for_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_a_user_whose_name_is_a_formula_does_no_harm(db: Any) -> None:
    user = get_user_model().objects.create(username='=cmd|"/C calc"!A0')
    UsageRecord.book([random_call(Random(1), datetime(2026, 10, 3, tzinfo=UTC), [user.pk])])

    assert [row["SubAccountName"] for row in read("by-user", "csv", Scope.of("2026-10"))] == [f"'{user.username}"]


@pytest.mark.parametrize(("value", "text"), [(Decimal("0E-10"), "0.0000000000"), (None, "null"), ("ä", '"\\u00e4"')])
def test_json_keeps_every_digit(value: Any, text: str) -> None:
    assert literal(value) == text
