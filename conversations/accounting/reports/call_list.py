"""Calls, row by row, and one of them with everything that led to its answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, Subquery

from conversations.accounting.reports.behind import ROWS
from conversations.accounting.reports.names import model_title, model_titles, user_name, user_names
from conversations.accounting.reports.scope import Scope
from conversations.accounting.reports.sums import ledger
from conversations.models import UsageRecord
from conversations.models.usage import PRICED_CLASSES


@dataclass(frozen=True, slots=True)
class CallLine:
    """One ledger row. A correction has `corrects` and no tokens; its `cost_usd` is a difference."""

    key: UUID
    created_at: datetime
    recorded_at: datetime
    corrects: UUID | None
    user_key: int
    user: str
    conversation_key: UUID
    generation_key: UUID | None
    provider: str
    model: str
    model_title: str
    model_answered: str
    purpose: str
    outcome: str
    confidence: str
    fresh_input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int | None
    reasoning: int | None
    cost_usd: Decimal | None
    saved_usd: Decimal | None
    ttft_s: float | None
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Calls:
    """A page of the call list. `after` is where the next page begins, None on the last."""

    lines: list[CallLine]
    after: str | None


@dataclass(frozen=True, slots=True)
class PriceLine:
    """Tokens of one class at their price. `usd_per_million` and `cost_usd` are None when unknown."""

    token_class: str
    tokens: int | None
    usd_per_million: Decimal | None
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class CallPage:
    """One call. `attempts` are all calls of its run in order, itself included, without corrections.

    `corrections` are those of this call; `cost_usd` is what it costs with them, None when unknown.
    `price_source` says where the price came from, as far as the row says.
    """

    call: CallLine
    attempts: list[CallLine]
    corrections: list[CallLine]
    price_lines: list[PriceLine]
    price_source: str
    sent_characters: int | None
    received_characters: int | None
    tokens_per_s: float | None
    cost_usd: Decimal | None


def calls(scope: Scope, after: str | None = None, limit: int = 100, kind: str = "") -> Calls:
    """Ledger rows of the scope, latest first; only those behind one figure with a `kind` of behind.ROWS.

    `after` is that of the page before; nonsense begins at the front.
    """
    rows = ledger(scope).filter(ROWS[kind] if kind else Q()).order_by("-created_at", "-id")
    last = read_key(after)
    if last is not None:
        # By the row's own time, not by ours: SQLite keeps times of its own clock as text that equals no Python time.
        moment = Subquery(UsageRecord.objects.filter(pk=last).values("created_at")[:1])
        rows = rows.filter(created_at__lte=moment).exclude(created_at=moment, id__gte=last)
    found = list(rows[: limit + 1])
    names, titles = user_names(row.user_key for row in found), model_titles()
    lines = [line_of(row, names, titles) for row in found[:limit]]
    return Calls(lines, str(lines[-1].key) if len(found) > limit else None)


def read_key(after: str | None) -> UUID | None:
    try:
        return UUID(after or "")
    except ValueError:
        return None


def line_of(row: UsageRecord, names: dict[int, str], titles: dict[str, str]) -> CallLine:
    return CallLine(
        key=row.pk,
        corrects=row.corrects_id,
        user=user_name(row.user_key, names),
        generation_key=row.generation_id,
        model=row.model_asked,
        model_title=model_title(row.model_asked, titles),
        **{name: getattr(row, name) for name in AS_THEY_ARE},
    )


AS_THEY_ARE = (
    "created_at",
    "recorded_at",
    "user_key",
    "conversation_key",
    "provider",
    "model_answered",
    "purpose",
    "outcome",
    "confidence",
    "fresh_input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "cost_usd",
    "saved_usd",
    "ttft_s",
    "duration_s",
)


def call(key: UUID) -> CallPage | None:
    """One call with everything that belongs to it; a correction shows the call it corrects."""
    row = UsageRecord.objects.filter(pk=key).first()
    if row is not None and row.corrects_id:
        row = UsageRecord.objects.filter(pk=row.corrects_id).first() or row
    if row is None:
        return None
    names, titles = user_names([row.user_key]), model_titles()
    run = UsageRecord.objects.filter(generation_id=row.generation_id, corrects=None) if row.generation_id else None
    attempts = list(run.order_by("created_at", "id")) if run is not None else [row]
    corrections = list(row.corrections.order_by("recorded_at", "id"))
    differences = sum((correction.cost_usd or Decimal(0) for correction in corrections), Decimal(0))
    timed = row.output and row.duration_s
    return CallPage(
        call=line_of(row, names, titles),
        attempts=[line_of(attempt, names, titles) for attempt in attempts],
        corrections=[line_of(correction, names, titles) for correction in corrections],
        price_lines=price_lines(row),
        price_source=str((row.price or {}).get("source", "")),
        sent_characters=row.sent_characters,
        received_characters=row.received_characters,
        tokens_per_s=row.output / row.duration_s if timed else None,  # type: ignore[operator]
        cost_usd=None if row.cost_usd is None else row.cost_usd + differences,
    )


def price_lines(row: UsageRecord) -> list[PriceLine]:
    """Each class of tokens at the price on the row; reasoning is part of the output and has no line."""
    prices = row.price or {}
    lines = []
    for token_class in PRICED_CLASSES:
        tokens = getattr(row, token_class)
        rate = Decimal(prices[token_class]) if token_class in prices else None
        known = tokens is not None and rate is not None
        lines.append(PriceLine(token_class, tokens, rate, tokens * rate / 1_000_000 if known else None))
    return lines
