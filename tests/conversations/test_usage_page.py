"""One's own usage: every figure is the sum of one's own rows, and nobody else's are to be seen."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.accounting.ledger import Call, answer_record
from conversations.models import Budget, Conversation, Part, UsageRecord
from providers.contract import Usage
from tests.conversations.rows import MODEL, new_conversation

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client: Client) -> Client:
    new_conversation("alice").delete()
    client.force_login(get_user_model().objects.get(username="alice"))
    return client


def call(
    cost: str | None,
    name: str = "alice",
    *,
    title: str = "Titled",
    at: datetime | None = None,
    reported: bool = True,
    **fields: Any,
) -> Conversation:
    conversation = new_conversation(name)
    conversation.rename(title)
    generation = conversation.post(text="Why?", model=MODEL, client_key=str(uuid4()))
    assert generation
    used = Usage(fresh_input=3, output=2)
    record = answer_record(
        Call(MODEL, sent=12, received=8, reported=used if reported else None), generation, "complete"
    )
    record.cost_usd = Decimal(cost) if cost is not None else None
    for field, value in {"created_at": at, **fields}.items():
        if value is not None:
            setattr(record, field, value)
    part = Part(message=generation.message, index=0, kind=Part.Kind.TEXT, text="Because.")
    assert generation.finish("complete", [part], [record])
    return conversation


def shown(client: Client, **query: str) -> str:
    """The words of the page, without its sidebar."""
    response = client.get("/usage/", query)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode().split("<main")[1]))


def test_only_ones_own_rows_are_there(alice: Client) -> None:
    call("0.25", title="Mine")
    call("7", "bob", title="Of somebody else")

    text = shown(alice)

    assert "Mine" in text
    assert "$0.2500" in text
    assert "Of somebody else" not in text
    assert "$7" not in text


def test_strangers_are_sent_to_sign_in(client: Client) -> None:
    assert client.get("/usage/").status_code == 302


def test_months_are_those_of_the_site_and_lead_to_each_other(alice: Client, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    call("0.5", title="Late in September", at=datetime(2026, 9, 30, 14, 59, tzinfo=UTC))
    call("0.75", title="Early in October", at=datetime(2026, 9, 30, 15, 1, tzinfo=UTC))

    september, october = shown(alice, period="2026-09"), shown(alice, period="2026-10")

    assert "Late in September" in september
    assert "Early in October" not in september
    assert "Early in October" in october
    assert 'href="?period=2026-09"' in alice.get("/usage/", {"period": "2026-10"}).content.decode()
    assert 'rel="prev"' not in alice.get("/usage/", {"period": "2026-09"}).content.decode()


def test_a_day_of_the_chart_is_a_page_of_its_own(alice: Client) -> None:
    call("0.5", title="That day", at=datetime(2026, 10, 3, 12, tzinfo=UTC))
    call("0.5", title="The next", at=datetime(2026, 10, 4, 12, tzinfo=UTC))

    assert 'href="/usage/?period=2026-10-03#calls"' in alice.get("/usage/", {"period": "2026-10"}).content.decode()
    text = shown(alice, period="2026-10-03")
    assert "3 October 2026" in text
    assert "That day" in text
    assert "The next" not in text


@pytest.mark.parametrize("nonsense", ["2026-13", "2026", "7d", "yesterday-ish", "2026-02-30", "<script>"])
def test_a_period_that_makes_no_sense_is_this_month(alice: Client, nonsense: str) -> None:
    assert f"{timezone.localdate():%B %Y}" in shown(alice, period=nonsense)


def test_unknown_costs_are_called_unknown_and_estimates_about(alice: Client) -> None:
    call(None, title="Who knows")
    assert "unknown" in shown(alice)
    assert "$0" not in shown(alice)

    call("0.5", title="Cut", reported=False)

    text = shown(alice)
    assert "1 call of unknown cost is not in this" in text
    assert "about $0.5000" in text


def test_a_day_with_unknown_costs_is_marked_in_the_chart(alice: Client) -> None:
    call("0.5", at=datetime(2026, 10, 3, 12, tzinfo=UTC))
    assert "chart-unpriced" not in alice.get("/usage/", {"period": "2026-10"}).content.decode()

    call(None, at=datetime(2026, 10, 4, 12, tzinfo=UTC))

    html = alice.get("/usage/", {"period": "2026-10"}).content.decode()
    assert html.count("chart-unpriced") == 1
    assert "Sunday 4 October 2026: unknown and 1 call of unknown cost" in html


def test_a_correction_changes_the_total_and_not_the_number_of_calls(alice: Client) -> None:
    call("0.5")
    row = UsageRecord.objects.get()
    same = ("user_key", "conversation_key", "provider", "model_asked", "purpose", "outcome", "confidence", "created_at")
    copy = {name: getattr(row, name) for name in same}
    UsageRecord.book([UsageRecord(**copy, corrects=row, cost_usd=Decimal("-0.1"))])

    text = shown(alice)

    assert "$0.4000" in text
    assert "1 call in all" in text


def test_what_a_deleted_conversation_cost_stays(alice: Client) -> None:
    call("0.5", title="Gone").delete()

    text = shown(alice)

    assert "Deleted conversation" in text
    assert "Gone" not in text
    assert "$0.5000" in text


def test_older_calls_are_a_page_further(alice: Client) -> None:
    for number in range(25):
        call("0.01", title=f"Number {number:02}", at=datetime(2026, 10, 3, 12, number, tzinfo=UTC))
    first = alice.get("/usage/", {"period": "2026-10"}).content.decode()
    after = re.search(r"after=([0-9a-f-]{36})", first)
    assert after

    older = alice.get("/usage/", {"period": "2026-10", "after": after[1]}).content.decode()

    calls_of = '<h2 id="calls">'
    assert "Number 24" in first.split(calls_of)[1]
    assert "Number 04" not in first.split(calls_of)[1]
    assert "Number 04" in older.split(calls_of)[1]


def test_budgets_that_apply_say_what_is_left_and_when_they_start_anew(alice: Client) -> None:
    Budget.objects.create(name="Mine", limit_usd=2)
    Budget.objects.create(name="Of bob", limit_usd=2, scope="user", user=new_conversation("bob").owner)
    call("0.5")

    text = shown(alice)

    assert "$1.50 left" in text
    assert "You have used $0.50 of $2.00 this month. It starts anew on 1" in text
    assert "Of bob" not in text
    before = timezone.localdate().replace(day=1) - timedelta(days=1)
    assert "$1.50 left" not in shown(alice, period=f"{before:%Y-%m}")


def test_a_busy_month_takes_as_many_queries_as_a_quiet_one(alice: Client) -> None:
    call("0.5")
    with CaptureQueriesContext(connection) as quiet:
        shown(alice)
    for number in range(30):
        call("0.5", title=str(number))
    with CaptureQueriesContext(connection) as busy:
        shown(alice)

    assert len(busy) <= len(quiet) + 1
    assert len(quiet) <= 20
