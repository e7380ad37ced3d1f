"""The database itself refuses to change the ledger."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from conversations.accounting.ledger import Call, record_of
from conversations.models import UsageRecord
from providers.contract import Usage
from tests.conversations.rows import asked, new_conversation

pytestmark = pytest.mark.django_db

CHANGES: dict[str, Any] = {
    "id": uuid4(),
    "created_at": "2026-01-01T00:00:00Z",
    "recorded_at": "2026-01-01T00:00:00Z",
    "corrects_id": uuid4(),
    "user_key": 77,
    "conversation_key": uuid4(),
    "generation_id": uuid4(),
    "provider": "other",
    "model_asked": "other:model",
    "model_answered": "other",
    "purpose": "title",
    "outcome": "other",
    "fresh_input": 77,
    "cache_read": 77,
    "cache_write": 77,
    "output": 77,
    "reasoning": 1,
    "sent_characters": 77,
    "received_characters": 77,
    "confidence": "unknown",
    "ttft_s": 7.7,
    "duration_s": 7.7,
    "price": {"output": "77"},
    "cost_usd": Decimal(77),
    "saved_usd": Decimal(77),
}


def booked(model: str = "openai:gpt-5-mini") -> UsageRecord:
    call = Call(model, 10, 10, "answered", reported=Usage(5, 1, 1, 5, 2), ttft_s=0.5, duration_s=1.0)
    record = record_of(call, new_conversation(), "complete")
    record.generation = asked()
    record.saved_usd = Decimal(1) if record.cost_usd is not None else None
    UsageRecord.book([record])
    return record


def rows() -> list[dict[str, Any]]:
    return list(UsageRecord.objects.order_by("pk").values())


def test_every_column_is_tried() -> None:
    assert set(CHANGES) == {field.attname for field in UsageRecord._meta.concrete_fields}


# A row that corrects nothing says so by null already, and the run of a row may go.
MAY_BE_NULL = {"corrects_id", "generation_id"}
ATTEMPTS = [*CHANGES.items(), *((column, None) for column in CHANGES if column not in MAY_BE_NULL)]


@pytest.mark.parametrize(
    ("column", "wanted"), ATTEMPTS, ids=[f"{column}-{wanted is None}" for column, wanted in ATTEMPTS]
)
def test_no_column_of_a_row_can_be_changed(column: str, wanted: Any) -> None:
    record = booked()
    before = rows()

    with pytest.raises(IntegrityError, match=r"append-only|NOT NULL|not-null"), transaction.atomic():
        UsageRecord.objects.filter(pk=record.pk).update(**{column: wanted})

    assert rows() == before


def test_a_price_can_be_filled_in_once() -> None:
    record = booked("sim:nobody-knows")

    assert UsageRecord.fill_prices([(record, {"output": "1"}, Decimal("0.5"))])
    assert not UsageRecord.fill_prices([(record, {"output": "2"}, Decimal("0.7"))])
    record.refresh_from_db()
    assert (record.price, record.cost_usd) == ({"output": "1"}, Decimal("0.5"))


def test_a_row_may_lose_its_run() -> None:
    record = booked()

    assert UsageRecord.objects.filter(pk=record.pk).update(generation_id=None) == 1


def test_plain_sql_is_refused_too() -> None:
    booked()

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE conversations_usagerecord SET output = output + 1")
