"""What a call costs: the price an admin has set, else that of the price data, as it was when the call was made.

A price that is known goes onto the row in the transaction that books it. `price_unpriced` prices rows later, once
somebody knows what their model costs. Rows get a price once; see `recompute` for prices that were wrong.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import Count, F, Max, Min, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from conversations.models import ModelPrice, UsageRecord
from conversations.models.prepared import Prepared
from conversations.models.usage import PRICED_CLASSES, TOKEN_CLASSES
from providers.contract import Usage
from providers.prices import Price, cost_usd, price_data, price_of

# What the ledger can hold of a US dollar.
PLACES = Decimal("1e-10")
BATCH = 200
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_ID = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Quote:
    """A price and where it comes from: `genai-prices 0.2.3`, or `override 7`."""

    price: Price
    source: str

    def cost_of(self, usage: Usage) -> Decimal:
        """In US dollars, as the ledger holds it."""
        cost = cost_usd(usage, self.price)
        assert cost is not None
        return cost.quantize(PLACES)

    def snapshot(self, usage: Usage, when: datetime) -> dict[str, str]:
        """What the row keeps: the rates that held for this call, their source, and the day (UTC) they held on."""
        rates = self.price.of(usage)
        kept = {name: format(getattr(rates, name), "f") for name in PRICED_CLASSES}
        return {**kept, "source": self.source, "as_of": when.astimezone(UTC).date().isoformat()}


PRICES_OF_MODELS = Prepared(
    lambda first, last: ModelPrice.objects.filter(model__in=(first, last)).order_by("-effective_from"),
    first="first",
    last="last",
)


class Prices:
    """What calls of one kind cost: of the model `asked` (provider:model) that `answered` (a bare name, or empty).

    Reads what an admin has set in one query. An admin's price wins over the price data, the model that answered over
    the one that was asked.
    """

    def __init__(self, asked: str, answered: str) -> None:
        self._names = names_of(asked, answered)
        self._set = PRICES_OF_MODELS.objects(first=self._names[0], last=self._names[-1])

    def at(self, when: datetime) -> Quote | None:
        """What held at that moment; None when nobody knows."""
        for name in self._names:
            for override in self._set:
                if override.model == name and override.effective_from <= when:
                    return Quote(price_set_by(override), f"override {override.pk}")
        for name in self._names:
            provider, _, model = name.partition(":")
            if price := price_of(provider, model, when):
                return Quote(price, price_data(provider))
        return None

    def known_from(self) -> datetime | None:
        """Earlier calls cannot be priced; None when none can."""
        now = timezone.now()
        for name in self._names:
            provider, _, model = name.partition(":")
            if price_of(provider, model, now):
                return ALWAYS
        return min((override.effective_from for override in self._set), default=None)


def names_of(asked: str, answered: str) -> list[str]:
    """The names under which a call may be priced, the one that counts most in front."""
    provider = asked.partition(":")[0]
    return [f"{provider}:{answered}", asked] if answered else [asked]


def price_set_by(override: ModelPrice) -> Price:
    fresh = override.fresh_input
    read, write = (fresh if own is None else own for own in (override.cache_read, override.cache_write))
    return Price(fresh, read, write, override.output)


def usage_in(record: UsageRecord) -> Usage:
    return Usage(**{name: getattr(record, name) or 0 for name in TOKEN_CLASSES})


# --- pricing later ----------------------------------------------------------


def unpriced() -> QuerySet[UsageRecord]:
    """Calls that used something we know, at a price nobody knew."""
    return UsageRecord.objects.filter(cost_usd=None, corrects=None).exclude(fresh_input=None)


def price_unpriced(since: datetime | None = None) -> int:
    """Price what can be priced by now, from `since` on; returns how many rows that were.

    Two workers may do it at a time, and one may be killed: every row gets its price once.
    """
    rows = unpriced().filter(created_at__gte=since or ALWAYS)
    kinds = rows.order_by().values_list("model_asked", "model_answered").distinct()
    return sum(price_kind(rows, *kind) for kind in list(kinds))


def price_kind(rows: QuerySet[UsageRecord], asked: str, answered: str) -> int:
    prices = Prices(asked, answered)
    begins = prices.known_from()
    if begins is None:
        return 0
    of_kind = rows.filter(model_asked=asked, model_answered=answered, created_at__gte=begins)
    return sum(price_batch(prices, batch) for batch in batches(of_kind))


def batches(rows: QuerySet[UsageRecord], after: UUID = FIRST_ID, size: int = BATCH) -> Iterator[list[UsageRecord]]:
    """The rows in the order of their ids, `size` at a time, each batch with a query of its own."""
    while batch := list(rows.filter(pk__gt=after).order_by("pk")[:size]):
        yield batch
        after = batch[-1].pk


def price_batch(prices: Prices, batch: Iterable[UsageRecord]) -> int:
    quoted = ((record, prices.at(record.created_at), usage_in(record)) for record in batch)
    return UsageRecord.fill_prices(
        (record, quote.snapshot(usage, record.created_at), quote.cost_of(usage))
        for record, quote, usage in quoted
        if quote
    )


# --- what has no price ------------------------------------------------------


class Unpriced(NamedTuple):
    """A model somebody has used and nobody has priced."""

    model: str
    calls: int
    tokens: int
    first_at: datetime
    last_at: datetime


def unpriced_models(days: int = 90, at_most: int = 200) -> list[Unpriced]:
    """Those of the last `days`, the latest first."""
    rows = unpriced().filter(created_at__gte=timezone.now() - timedelta(days=days))
    tokens = F("fresh_input") + Coalesce("cache_read", 0) + Coalesce("cache_write", 0) + Coalesce("output", 0)
    found = rows.values("model_asked").annotate(
        calls=Count("pk"), tokens=Sum(tokens), first_at=Min("created_at"), last_at=Max("created_at")
    )
    columns = ("model_asked", "calls", "tokens", "first_at", "last_at")
    return [Unpriced(*row) for row in found.order_by("-last_at").values_list(*columns)[:at_most]]
