"""The weekly digest: once, on Monday at eight by the site's clock, and nothing in it that the ledger does not say."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail

from conversations.accounting.alerts.delivering import deliver_due
from conversations.accounting.alerts.mails import mail_of
from conversations.accounting.alerts.raising import check
from conversations.models import Alert, Delivery, UsageRecord
from tests.accounting.bills import at, person, spent

pytestmark = pytest.mark.django_db

# The week from Monday 9 to Sunday 15 November 2026.
MONDAY_AT_EIGHT = at("2026-11-16T08:00")


@pytest.fixture(autouse=True)
def a_mail_server(settings: Any) -> None:
    settings.CAN_MAIL = True
    settings.ALERT_EMAILS = ["minder@example.org"]


def digests() -> list[Alert]:
    return list(Alert.objects.filter(kind="digest"))


def a_week() -> None:
    spent("2026-11-08T23:59", "99")  # the Sunday before
    spent("2026-11-09T00:00", "1.25", person("alice"))
    spent("2026-11-11T12:00", "0.0000000001", person("bob"))
    spent("2026-11-15T23:59", "2.5", person("bob"), model="anthropic:claude-sonnet-5-5")
    spent("2026-11-12T10:00", None, person("bob"), model="ollama:qwen3")
    spent("2026-11-16T00:00", "77")  # Monday


def test_it_is_sent_from_monday_at_eight_on_and_not_before() -> None:
    a_week()
    check(MONDAY_AT_EIGHT - timedelta(seconds=1))
    before = digests()

    check(MONDAY_AT_EIGHT)

    assert before == []
    assert [alert.title for alert in digests()] == ["The week of 9 November 2026 to 15 November 2026: $3.75"]


def test_eight_is_that_of_the_site(settings: Any) -> None:
    settings.TIME_ZONE = "America/New_York"
    a_week()
    check(at("2026-11-16T12:59"))
    before = digests()

    check(at("2026-11-16T13:00"))

    assert (before, len(digests())) == ([], 1)


def test_it_is_sent_once_however_often_it_is_looked_for_and_later_when_nothing_ran_on_monday() -> None:
    a_week()

    for days in (2, 2, 3, 6):
        check(MONDAY_AT_EIGHT + timedelta(days=days))
        deliver_due()

    assert len(digests()) == 1
    assert len([message for message in mail.outbox if "9 November" in message.subject]) == 1


def test_a_week_in_which_nothing_was_called_has_none() -> None:
    spent("2026-11-08T12:00", "5")

    check(MONDAY_AT_EIGHT)

    assert digests() == []


def test_it_can_be_switched_off(settings: Any) -> None:
    settings.WEEKLY_DIGEST = False
    a_week()

    check(MONDAY_AT_EIGHT)

    assert digests() == []


def test_its_table_adds_up_to_the_ledger_of_the_week() -> None:
    a_week()
    check(MONDAY_AT_EIGHT)

    message = mail_of(Delivery.objects.get(alert__kind="digest"))

    name, table, _ = message.attachments[0]
    lines = list(csv.DictReader(io.StringIO(table.removeprefix("\ufeff"))))
    week = UsageRecord.objects.filter(created_at__gte=at("2026-11-09"), created_at__lt=at("2026-11-16"))
    assert name == "usage-2026-11-09.csv"
    assert sum(Decimal(line["BilledCost"] or 0) for line in lines) == sum(row.cost_usd or 0 for row in week)
    assert sum(int(line["x_Calls"]) for line in lines) == week.count()
    assert sum(int(line["x_OutputTokens"]) for line in lines) == sum(row.output or 0 for row in week)
    # Unknown is empty, never zero.
    assert [line["BilledCost"] for line in lines if line["SkuId"] == "ollama:qwen3"] == [""]


def test_its_words_are_those_of_the_ledger() -> None:
    a_week()
    check(MONDAY_AT_EIGHT)
    Alert.objects.filter(kind="unpriced").update(created_at=at("2026-11-12T10:01"))

    text = str(mail_of(Delivery.objects.get(alert__kind="digest")).body)

    assert "Cost        $3.75 (96% less than in the week before)" in text
    assert "1 call without a known price is not in it" in text
    assert "alice: $1.25, 1 call\n" in text
    assert "Models without a price\n  qwen3: 1 call\n" in text
    assert "12 November: qwen3 has no price" in text


def test_a_name_cannot_be_a_formula() -> None:
    spent("2026-11-10T12:00", "1", person("=cmd()"))
    check(MONDAY_AT_EIGHT)

    table = mail_of(Delivery.objects.get(alert__kind="digest")).attachments[0][1]

    assert "'=cmd()" in table
