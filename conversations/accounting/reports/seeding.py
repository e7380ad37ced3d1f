"""A ledger as a busy site would have it, for measuring: conversations of people who come and go, made at random.

The same seed makes the same ledger. Nobody was asked and nothing was paid; never on a site with real rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import batched
from math import exp
from random import Random
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection, transaction

from conversations.accounting.reports.period import DAY, midnight
from conversations.models import RolledSpan, UsageRecord
from conversations.models.usage import PRICED_CLASSES
from providers.catalog import MODELS
from providers.contract import Usage
from providers.prices import Price, cost_usd, price_of

COLUMNS = (
    "id",
    "created_at",
    "recorded_at",
    "corrects_id",
    "user_key",
    "conversation_key",
    "generation_id",
    "provider",
    "model_asked",
    "model_answered",
    "purpose",
    "outcome",
    "fresh_input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "sent_characters",
    "received_characters",
    "confidence",
    "price",
    "cost_usd",
    "saved_usd",
    "ttft_s",
    "duration_s",
)
# Hours of a working day, by how many questions are asked in them.
HOURS = (1, 1, 1, 1, 1, 1, 2, 5, 12, 20, 22, 20, 14, 18, 22, 20, 16, 12, 8, 6, 5, 4, 3, 2)
FAILURES = ("overloaded", "rate_limited", "silent_too_long", "disconnected")
WITHOUT_PRICE = "ollama:qwen3-32b"
BATCH = 20_000
CHARACTERS_PER_TOKEN = 4

type Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a ledger is to be: about so many rows in the days up to and with `last`."""

    rows: int
    users: int
    models: int
    days: int
    last: date


def make_people(count: int, groups: int = 8) -> list[int]:
    """Keys of users who cannot sign in, most of them in a group, some in two; those of an earlier time are kept."""
    model = get_user_model()
    names = [f"seed-{number:04}" for number in range(1, count + 1)]
    known = set(model.objects.filter(username__in=names).values_list("username", flat=True))
    model.objects.bulk_create(
        [model(username=name, password=make_password(None), is_active=False) for name in names if name not in known]
    )
    keys = list(model.objects.filter(username__in=names).order_by("username").values_list("pk", flat=True))
    teams = [Group.objects.get_or_create(name=f"seed team {number}")[0] for number in range(1, groups + 1)]
    for number, team in enumerate(teams):
        team.user_set.add(*keys[number :: groups + 1], *keys[number :: groups * 10])
    return keys


def model_names(count: int) -> list[str]:
    """The catalogue's first, and one of a compatible server, which has no price."""
    return [*[model.id for model in MODELS if model.provider != "demo"][: count - 1], WITHOUT_PRICE][:count]


def rows_of(shape: Shape, random: Random, users: list[int]) -> Iterator[Row]:
    """The rows in the order of their days."""
    weights = [1 / (rank + 3) ** 0.7 for rank in range(len(users))]
    models = model_names(shape.models)
    favourites = {user: random.sample(models, min(len(models), random.randint(1, 4))) for user in users}
    days = [shape.last - DAY * number for number in range(shape.days)][::-1]
    busy = [business(day, number / shape.days) for number, day in enumerate(days)]
    left, weight_left = shape.rows, sum(busy)
    for day, weight in zip(days, busy, strict=True):
        wanted = round(left * weight / weight_left)
        left, weight_left = left - wanted, weight_left - weight
        yield from rows_of_day(day, wanted, random, users, weights, favourites)


def business(day: date, place: float) -> float:
    """How much is asked in a day, against the others: the site grows, and people rest."""
    return (0.5 + place) * (0.25 if day.weekday() >= 5 else 1)


def rows_of_day(
    day: date, wanted: int, random: Random, users: list[int], weights: list[float], favourites: dict[int, list[str]]
) -> Iterator[Row]:
    made = 0
    midnight_of = midnight(day)
    while made < wanted:
        for user in random.choices(users, weights, k=max(1, wanted // 40)):
            hour = random.choices(range(24), HOURS)[0]
            at = midnight_of + timedelta(seconds=hour * 3600 + random.random() * 3000)
            model = favourites[user][min(int(random.expovariate(1.2)), len(favourites[user]) - 1)]
            for row in conversation(random, at, user, model):
                yield row
                made += 1
                if made == wanted:
                    return


def conversation(random: Random, at: datetime, user: int, model: str) -> Iterator[Row]:
    """A title, and exchanges whose history grows, is cached by the provider, and sometimes fails at first."""
    key = key_at(at, random)
    history = random.randrange(100, 1500)
    for turn in range(min(1 + int(random.expovariate(0.16)), 60)):
        question, answer = random.randrange(20, 400), int(min(exp(random.gauss(5.6, 0.9)), 16_000))
        read = history * 9 // 10 if turn and random.random() < 0.7 else 0
        written = history - read if model.startswith("anthropic") and history > 1000 else 0
        fresh = question + history - read - written
        run = key_at(at, random)
        purpose = "answer"
        while random.random() < 0.03:
            failed = Usage(fresh_input=fresh + read + written)
            yield call(random, at, user, key, run, model, purpose, random.choice(FAILURES), failed, "estimated")
            purpose = random.choice(("retry", "retry", "fallback"))
        outcome, confidence = ("stopped", "partial") if random.random() < 0.04 else ("complete", "reported")
        usage = Usage(fresh, read, written, answer, answer // 3 if random.random() < 0.5 else 0)
        yield call(random, at, user, key, run, model, purpose, outcome, usage, confidence)
        if turn == 0:
            title = Usage(fresh_input=question + answer, output=8)
            yield call(random, at, user, key, None, model, "title", "complete", title, "reported")
        history += question + answer
        at += timedelta(seconds=random.expovariate(1 / 90))


def call(
    random: Random,
    at: datetime,
    user: int,
    conversation_key: str,
    run: str | None,
    model: str,
    purpose: str,
    outcome: str,
    usage: Usage,
    confidence: str,
) -> Row:
    """One row in the order of `COLUMNS`, as text that both databases read."""
    provider, _, name = model.partition(":")
    text_at = f"{at:%Y-%m-%d %H:%M:%S.%f}"
    price, price_text = price_in(provider, name, f"{at:%Y-%m}")
    cost = cost_usd(usage, price)
    ttft_s = min(exp(random.gauss(-0.3, 0.7)), 60) if usage.output else None
    duration_s = (ttft_s + usage.output / random.uniform(30, 120)) if ttft_s else random.uniform(0.1, 5)
    return (
        key_at(at, random),
        text_at,
        text_at,
        None,
        user,
        conversation_key,
        run,
        provider,
        model,
        name,
        purpose,
        outcome,
        usage.fresh_input,
        usage.cache_read,
        usage.cache_write,
        usage.output,
        usage.reasoning,
        usage.input * CHARACTERS_PER_TOKEN,
        usage.output * CHARACTERS_PER_TOKEN,
        confidence,
        price_text,
        None if cost is None else format(cost.quantize(Decimal("1e-10")), "f"),
        None,
        ttft_s,
        duration_s,
    )


@lru_cache(maxsize=4096)
def price_in(provider: str, name: str, month: str) -> tuple[Price | None, str | None]:
    """What held at the beginning of the month, and as the ledger keeps it; long prompts at the price of short ones."""
    price = price_of(provider, name, datetime.fromisoformat(f"{month}-01T12:00:00+00:00"))
    if price is None:
        return None, None
    rates = price.of(Usage())
    kept = {name: format(getattr(rates, name), "f") for name in PRICED_CLASSES}
    return rates, json.dumps({**kept, "source": "seed", "as_of": f"{month}-01"})


def key_at(at: datetime, random: Random) -> str:
    """A version 7 UUID of that moment, in hexadecimal."""
    milliseconds = int(at.timestamp() * 1000)
    return f"{milliseconds:012x}7{random.getrandbits(12):03x}{random.getrandbits(62) | 1 << 63:016x}"


@transaction.atomic
def write(rows: Iterable[Row]) -> int:
    """Straight into the table, as fast as the database can; every mark of a roll-up falls. How many rows."""
    count = copy_rows(rows) if connection.vendor == "postgresql" else insert_rows(rows)
    RolledSpan.objects.update(stale=True)
    return count


def copy_rows(rows: Iterable[Row]) -> int:
    count, lines = 0, []
    with connection.cursor() as cursor, cursor.copy(f"COPY {table()} ({', '.join(COLUMNS)}) FROM STDIN") as copy:
        for row in rows:
            lines.append("\t".join("\\N" if value is None else str(value) for value in row))
            count += 1
            if len(lines) == BATCH:
                copy.write("\n".join(lines) + "\n")
                lines = []
        if lines:
            copy.write("\n".join(lines) + "\n")
    return count


def insert_rows(rows: Iterable[Row]) -> int:
    count = 0
    places = ", ".join(["%s"] * len(COLUMNS))
    statement = f"INSERT INTO {table()} ({', '.join(COLUMNS)}) VALUES ({places})"  # noqa: S608
    with connection.cursor() as cursor:
        for batch in batched(rows, BATCH):
            cursor.executemany(statement, batch)
            count += len(batch)
    return count


def table() -> str:
    return UsageRecord._meta.db_table
