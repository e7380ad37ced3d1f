"""Ledger rows at chosen moments, as alerts and digests need them."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

from django.contrib.auth import get_user_model

from conversations.models import UsageRecord

MODEL = "openai:gpt-5.5"


def person(name: str = "alice", **fields: object) -> int:
    user, _ = get_user_model().objects.get_or_create(username=name, defaults={"email": f"{name}@example.org", **fields})
    return int(user.pk)


def at(text: str) -> datetime:
    """A moment from `2026-11-10` or `2026-11-10T09:30`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spent(
    when: str | datetime, usd: str | None, user: int | None = None, model: str = MODEL, tokens: int | None = 20
) -> UsageRecord:
    """One call that was made then, cost so much and wrote so many tokens; None: unknown."""
    record = UsageRecord(
        created_at=at(when) if isinstance(when, str) else when,
        user_key=user or person(),
        conversation_key=uuid4(),
        provider=model.partition(":")[0],
        model_asked=model,
        purpose=UsageRecord.Purpose.ANSWER,
        outcome="complete",
        fresh_input=None if tokens is None else 100,
        cache_read=None if tokens is None else 0,
        cache_write=None if tokens is None else 0,
        output=tokens,
        reasoning=None if tokens is None else 0,
        confidence=UsageRecord.Confidence.UNKNOWN if tokens is None else UsageRecord.Confidence.REPORTED,
        cost_usd=Decimal(usd) if usd is not None else None,
    )
    UsageRecord.book([record])
    return record
