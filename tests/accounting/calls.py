"""Ledger rows of calls that were made some time ago, booked as the product books them."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from conversations.accounting.ledger import Call, record_of
from conversations.models import Conversation, ModelPrice, UsageRecord
from providers.contract import Usage
from tests.conversations.rows import new_conversation

MODEL = "sim:house"
MILLION = Usage(fresh_input=1_000_000)


def days_ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def booked(model: str = MODEL, usage: Usage = MILLION, *, days: float = 0, **fields: Any) -> UsageRecord:
    """One row in the ledger. Its price is what is known now."""
    conversation: Conversation = fields.pop("conversation", None) or new_conversation()
    answered = fields.pop("answered", "")
    record = record_of(Call(model, 40, 40, answered, reported=usage), conversation, "complete")
    if days:
        record.created_at = days_ago(days)
    for name, value in fields.items():
        setattr(record, name, value)
    UsageRecord.book([record])
    record.refresh_from_db()
    return record


def price_of_house(usd: str, *, days: float = 30, model: str = MODEL, **fields: Any) -> ModelPrice:
    """An admin's price: the same for input and output, from so many days ago on."""
    rates = {"fresh_input": Decimal(usd), "output": Decimal(usd)} | fields
    price = ModelPrice(model=model, effective_from=days_ago(days), **rates)
    price.full_clean()
    price.save()
    return price
