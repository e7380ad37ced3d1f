"""Ledgers made at random, the same for the same seed, and what they add up to without any help of the database."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from conversations.accounting.reports.figures import Figures
from conversations.accounting.reports.period import midnight
from conversations.models import RolledSpan, UsageRecord

MODELS = ("openai:gpt-5.5", "anthropic:claude-sonnet-5-5", "google:gemini-3.8-flash", "ollama:llama")
OUTCOMES = ("complete", "complete", "complete", "complete", "stopped", "interrupted", "overloaded", "rate_limited")
ENDED = ("complete", "stopped", "interrupted")
PURPOSES = ("answer", "answer", "answer", "retry", "fallback", "continue", "title")
CONFIDENCES = ("reported", "reported", "reported", "estimated", "partial", "unknown")
CLASSES = ("fresh_input", "cache_read", "cache_write", "output")


def people(count: int = 4) -> list[int]:
    """Keys of users, the first two of them in two groups, and of one who has been deleted."""
    users = [get_user_model().objects.create(username=f"user{number}") for number in range(count)]
    for name in ("staff", "testers"):
        Group.objects.create(name=name).user_set.add(*users[:2])
    gone = get_user_model().objects.create(username="gone")
    key: int = gone.pk
    gone.delete()
    return [*(user.pk for user in users), key]


def random_call(random: Random, at: datetime, users: list[int]) -> UsageRecord:
    model = random.choice(MODELS)
    confidence = random.choice(CONFIDENCES)
    counts: dict[str, int | None] = {name: random.randrange(0, 50_000) for name in CLASSES}
    if random.random() < 0.5:
        counts["cache_read"] = counts["cache_write"] = 0
    counts["reasoning"] = random.randrange(0, (counts["output"] or 0) + 1)
    if confidence == "unknown":
        counts = dict.fromkeys(counts)
    rates = {name: Decimal(random.randrange(0, 100_000)) / 10_000 for name in CLASSES}
    priced = confidence != "unknown" and not model.startswith("ollama") and random.random() < 0.9
    cost = sum(((counts[name] or 0) * rates[name] / 1_000_000 for name in CLASSES), Decimal(0)) if priced else None
    measured = random.random() < 0.8
    user = random.choice(users)
    return UsageRecord(
        created_at=at,
        user_key=user,
        conversation_key=UUID(int=user * 100 + random.randrange(3)),
        provider=model.partition(":")[0],
        model_asked=model,
        model_answered=model.partition(":")[2],
        purpose=random.choice(PURPOSES),
        outcome=random.choice(OUTCOMES),
        **counts,
        confidence=confidence,
        price={name: str(rate) for name, rate in rates.items()} if priced else None,
        cost_usd=None if cost is None else cost.quantize(Decimal("1e-10")),
        saved_usd=Decimal(random.randrange(0, 10**9)) / 10**10 if random.random() < 0.1 else None,
        ttft_s=random.uniform(0.05, 20) if measured else None,
        duration_s=random.uniform(0.1, 60) if measured else None,
    )


def random_ledger(random: Random, first: datetime, days: int, count: int, users: list[int]) -> None:
    """Book so many calls, often close to midnight of the site, and corrections of some of them."""
    calls = [random_call(random, random_moment(random, first, days), users) for _ in range(count)]
    UsageRecord.book(calls)
    for call in random.sample([call for call in calls if call.cost_usd is not None], count // 10):
        correct(call, Decimal(random.randrange(-(10**8), 10**8)) / 10**10)


def random_moment(random: Random, first: datetime, days: int) -> datetime:
    if random.random() < 0.3:
        midnight_of = midnight((first + timedelta(days=random.randrange(days), hours=12)).date())
        return midnight_of + timedelta(microseconds=random.choice([-1, 0, 1, 1000, -1000]))
    return first + timedelta(seconds=random.uniform(0, days * 86_400))


def correct(call: UsageRecord, difference: Decimal) -> UsageRecord:
    """Book the correction of a call."""
    same = ("created_at", "user_key", "conversation_key", "provider", "model_asked", "model_answered", "purpose")
    zero = dict.fromkeys((*CLASSES, "reasoning"), 0)
    row = UsageRecord(
        corrects_id=call.pk,
        cost_usd=difference,
        outcome=call.outcome,
        confidence=call.confidence,
        **zero,
        **{name: getattr(call, name) for name in same},
    )
    UsageRecord.book([row])
    return row


# --- Adding up by hand ---------------------------------------------------------------


def added_by_hand(rows: list[UsageRecord]) -> Figures:
    return sum((figures_of(row) for row in rows), Figures())


def figures_of(row: UsageRecord) -> Figures:
    money = Figures(
        known_cost_usd=row.cost_usd or Decimal(0),
        estimated_cost_usd=row.cost_usd or Decimal(0) if row.confidence != "reported" else Decimal(0),
        saved_usd=row.saved_usd or Decimal(0),
    )
    if row.corrects_id:
        return money
    timed = row.output and row.duration_s is not None
    return replace(
        money,
        calls=1,
        answers=int(row.outcome in ENDED and row.purpose != "title"),
        stops=int(row.outcome == "stopped"),
        errors=int(row.outcome not in ENDED),
        retries=int(row.purpose == "retry"),
        fallbacks=int(row.purpose == "fallback"),
        unpriced=int(row.cost_usd is None),
        uncounted=int(row.output is None),
        estimated=int(row.confidence != "reported"),
        fresh_input=row.fresh_input or 0,
        cache_read=row.cache_read or 0,
        cache_write=row.cache_write or 0,
        output=row.output or 0,
        reasoning=row.reasoning or 0,
        cache_saved_usd=saved_by_hand(row),
        timed_output=row.output if timed else 0,
    )


def saved_by_hand(row: UsageRecord) -> Decimal:
    if not row.price or not (row.cache_read or row.cache_write):
        return Decimal(0)
    rates = {name: Decimal(row.price[name]) for name in CLASSES}
    read = row.cache_read * (rates["fresh_input"] - rates["cache_read"])
    written = row.cache_write * (rates["fresh_input"] - rates["cache_write"])
    return ((read + written) / 1_000_000).quantize(Decimal("1e-10"))


def known(figures: Figures) -> Figures:
    """Without what depends on how a database rounds seconds."""
    return replace(figures, timed_ms=0)


def marks() -> int:
    return RolledSpan.objects.filter(stale=False).count()
