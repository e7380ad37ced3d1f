"""What is added up of ledger rows, exact on both databases and the same to the last digit in any order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Case, Count, DecimalField, F, Func, Q, Sum, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from conversations.models.usage import TOKEN_CLASSES

MONEY = DecimalField(max_digits=30, decimal_places=10)
SMALLEST = 10**10
QUARTER_S = 900

CALL = Q(corrects=None)
TIMED = Q(output__gt=0, duration_s__isnull=False)
MONIES = ("cost_usd", "saved_usd", "cache_saved_usd")
# The columns of a sum, in the words of models/rollup.py.
SUMMED = ("calls", "corrections", "unpriced", "uncounted", *TOKEN_CLASSES, *MONIES, "timed_output", "timed_ms")


class ExactSum(Sum):
    """A sum of money, 0 of nothing. SQLite keeps decimals as floats: there, ten-billionths are added as integers."""

    template = "COALESCE(SUM(%(distinct)s%(expressions)s)%(filter)s, 0)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "COALESCE(SUM(CAST(ROUND((%(expressions)s) * 1e10) AS INTEGER))%(filter)s, 0)"
        return self.as_sql(compiler, connection, template=template, **context)

    def get_db_converters(self, connection: Any) -> list[Any]:
        return [from_ten_billionths] if connection.vendor == "sqlite" else []


def from_ten_billionths(value: int, *_: Any) -> Decimal:
    return Decimal(value) / SMALLEST


class PerMillion(Func):
    """A price per million tokens times tokens, as US dollars of ten decimals."""

    output_field = MONEY
    template = "ROUND((%(expressions)s) / 1000000, 10)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="((%(expressions)s) * 1e-6)", **context)


class Quarter(Func):
    """Quarters of an hour since 1970: the hours of every time zone begin with one."""

    output_field = models.BigIntegerField()
    template = f"FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / {QUARTER_S})::bigint"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = f"CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / {QUARTER_S}"
        return self.as_sql(compiler, connection, template=template, **context)


def rate(token_class: str) -> Cast:
    """The price on the row, US dollars per million tokens."""
    return Cast(KeyTextTransform(token_class, "price"), MONEY)


def cache_saved_usd() -> Any:
    """What the provider's prompt cache made a call cheaper than fresh input would have been; writing to it costs."""
    fresh = rate("fresh_input")
    read = F("cache_read") * (fresh - rate("cache_read"))
    written = F("cache_write") * (fresh - rate("cache_write"))
    cached = Q(cache_read__gt=0) | Q(cache_write__gt=0)
    return Case(When(CALL & Q(price__isnull=False) & cached, then=PerMillion(read + written)), output_field=MONEY)


def whole(column: str, only: Q | None = None) -> Coalesce:
    return Coalesce(Sum(column, filter=only), 0, output_field=models.BigIntegerField())


def of_rows() -> dict[str, Any]:
    """Every column of a sum, computed from ledger rows."""
    return {
        "calls": Count("pk", filter=CALL),
        "corrections": Count("pk", filter=~CALL),
        "unpriced": Count("pk", filter=CALL & Q(cost_usd=None)),
        "uncounted": Count("pk", filter=CALL & Q(output=None)),
        **{name: whole(name) for name in TOKEN_CLASSES},
        "cost_usd": ExactSum("cost_usd"),
        "saved_usd": ExactSum("saved_usd"),
        "cache_saved_usd": ExactSum(cache_saved_usd()),
        "timed_output": whole("output", CALL & TIMED),
        "timed_ms": Coalesce(
            Sum(Cast(F("duration_s") * 1000, models.BigIntegerField()), filter=CALL & TIMED),
            0,
            output_field=models.BigIntegerField(),
        ),
    }


def of_sums() -> dict[str, Any]:
    """The same, computed from sums."""
    return {name: ExactSum(name) if name in MONIES else whole(name) for name in SUMMED}


# Aggregates have names of their own, as those of columns would hide the columns from one another.
PREFIX = "sum_"


def prefixed(aggregates: dict[str, Any]) -> dict[str, Any]:
    return {f"{PREFIX}{name}": aggregate for name, aggregate in aggregates.items()}
