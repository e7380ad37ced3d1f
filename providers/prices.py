"""What a call costs. The prices are those of the genai-prices package as it was installed: nothing is fetched."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

from providers.contract import Usage

PER = Decimal(1_000_000)
_PRICED_COMPANIES = frozenset({"openai", "anthropic", "google"})


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens of each class.

    Some models cost more for the whole call when its input is long: `long_prompt` then holds, in rising order, the
    input tokens above which other rates hold, and those rates.
    """

    fresh_input: Decimal
    cache_read: Decimal
    cache_write: Decimal
    output: Decimal
    long_prompt: tuple[tuple[int, "Price"], ...] = ()

    def of(self, usage: Usage) -> "Price":
        """The rates that hold for this call, without tiers: what a ledger keeps."""
        rates = Price(self.fresh_input, self.cache_read, self.cache_write, self.output)
        for above_tokens, dearer in self.long_prompt:
            if usage.input > above_tokens:
                rates = dearer
        return rates


FREE = Price(Decimal(0), Decimal(0), Decimal(0), Decimal(0))


def cost_usd(usage: Usage, price: Price | None) -> Decimal | None:
    """Cost of one call in US dollars, unrounded; None when the model has no known price.

    `usage.fresh_input` excludes cached tokens, which are billed at `price.cache_read`; reasoning is part of the output.
    """
    if price is None:
        return None
    rates = price.of(usage)
    fresh = usage.fresh_input * rates.fresh_input
    cached = usage.cache_read * rates.cache_read + usage.cache_write * rates.cache_write
    return (fresh + cached + usage.output * rates.output) / PER


def price_of(provider: str, model: str, at: datetime) -> Price | None:
    """The standard price of a model at a moment; None when nobody knows it, as for models of compatible servers.

    The first call imports the price tables, which takes half a second: make it off the event loop.
    """
    if provider == "demo":
        return FREE
    if provider not in _PRICED_COMPANIES:
        return None
    return _price_in_hour(provider, model, at.replace(minute=0, second=0, microsecond=0))


@cache
def price_data(provider: str) -> str:
    """Where `price_of` has its prices from, for example `genai-prices 0.2.3`."""
    return "free" if provider == "demo" else f"genai-prices {version('genai-prices')}"


@lru_cache(maxsize=4096)
def _price_in_hour(provider: str, model: str, at: datetime) -> Price | None:
    """Prices change on a day or, for some models, at an hour of the day."""
    import genai_prices

    try:
        table = genai_prices.calc_price(
            genai_prices.Usage(), model, provider_id=provider, genai_request_timestamp=at
        ).model_price
    except LookupError:
        return None
    return _to_price(table)


def _to_price(table: Any) -> Price | None:
    """Classes without a price of their own are billed as fresh input."""
    fresh, output = table.input_mtok, table.output_mtok
    if fresh is None or output is None:
        return None
    read, write = (fresh if own is None else own for own in (table.cache_read_mtok, table.cache_write_mtok))
    columns = (fresh, read, write, output)
    starts = sorted({tier.start for column in columns for tier in getattr(column, "tiers", ())})
    return replace(_rates(columns, 0), long_prompt=tuple((start, _rates(columns, start + 1)) for start in starts))


def _rates(columns: Iterable[Any], input_tokens: int) -> Price:
    fresh, read, write, output = (_rate(column, input_tokens) for column in columns)
    return Price(fresh, read, write, output)


def _rate(column: Any, input_tokens: int) -> Decimal:
    """One price of the table, which is either a number or a base with tiers in rising order."""
    if isinstance(column, Decimal):
        return column
    rate: Decimal = column.base
    for tier in column.tiers:
        if input_tokens > tier.start:
            rate = tier.price
    return rate
