"""Recomputes: what calls would cost by today's prices, and the rows that put right what they cost.

First a dry run counts, then an admin applies what it found, and may take it back. Nothing in an old row changes. All
work goes on where a killed worker left it: each batch is one transaction that also notes how far the work has come.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet

from conversations.accounting.pricing import FIRST_ID, Prices, Quote, batches, usage_in
from conversations.models import Correction, ModelPrice, Recompute, UsageRecord
from conversations.models.usage import PRICED_CLASSES, TOKEN_CLASSES
from providers.prices import price_data

COUNTED_AT_ONCE = 2_000
BOOKED_AT_ONCE = 200
NOTHING = Decimal(0)


class Answer(StrEnum):
    """What became of the wish to apply a recompute, or to take it back."""

    BEGUN = "begun"
    COUNTED_ANEW = "counted anew"
    REFUSED = "refused"


@dataclass(slots=True)
class Difference:
    """What a dry run found for one model; `changed` of its `rows` cost something else, `unknown` have no price now."""

    rows: int = 0
    changed: int = 0
    unknown: int = 0
    old_usd: Decimal = NOTHING
    new_usd: Decimal = NOTHING

    @property
    def usd(self) -> Decimal:
        return self.new_usd - self.old_usd

    def add(self, old_usd: Decimal, new_usd: Decimal | None) -> None:
        self.rows += 1
        self.unknown += new_usd is None
        self.changed += new_usd is not None and new_usd != old_usd
        self.old_usd += old_usd
        self.new_usd += old_usd if new_usd is None else new_usd

    def __add__(self, other: "Difference") -> "Difference":
        return Difference(*(mine + others for mine, others in zip(astuple(self), astuple(other), strict=True)))

    def to_json(self) -> dict[str, object]:
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(self).items()}


def differences(recompute: Recompute) -> dict[str, Difference]:
    """What the dry run has found, by model."""
    return {
        model: Difference(**found | {name: Decimal(found[name]) for name in ("old_usd", "new_usd")})
        for model, found in recompute.counted.items()
    }


# --- what somebody wishes ---------------------------------------------------


def apply(recompute: Recompute, actor: AbstractBaseUser | None) -> Answer:
    """Begin to apply what was counted; where prices have changed since, it is counted anew first."""
    if recompute.prices != fingerprint(recompute):
        return Answer.COUNTED_ANEW if recompute.count_again() else Answer.REFUSED
    return Answer.BEGUN if recompute.apply(actor) else Answer.REFUSED


def take_back(recompute: Recompute, actor: AbstractBaseUser | None) -> Answer:
    return Answer.BEGUN if recompute.take_back(actor) else Answer.REFUSED


def fingerprint(recompute: Recompute) -> str:
    """Names the prices that a dry run counts by: another one tells that they have changed."""
    columns = ("pk", "model", "effective_from", *PRICED_CLASSES)
    begun = ModelPrice.objects.filter(effective_from__lt=recompute.ends_at).order_by("pk").values_list(*columns)
    return f"{price_data('')}, {hashlib.sha256(repr(list(begun)).encode()).hexdigest()[:16]}"


# --- work -------------------------------------------------------------------


def work_on(recompute_id: UUID) -> None:
    """Do what its state asks for. Two workers may do it at a time, and each may be killed at any moment."""
    recompute = Recompute.objects.get(pk=recompute_id)
    match recompute.status:
        case Recompute.Status.DRAFT:
            count(recompute)
        case Recompute.Status.APPLYING:
            while book_some(recompute.pk):
                pass
        case Recompute.Status.REVERSING:
            while reverse_some(recompute.pk):
                pass


def work_on_abandoned() -> None:
    """What a message should have started, or a killed worker has left."""
    for recompute in Recompute.objects.abandoned():
        work_on(recompute.pk)


def count(recompute: Recompute) -> None:
    """The dry run: it changes nothing but what it notes on the recompute."""
    prices, book = fingerprint(recompute), PriceBook()
    found: defaultdict[str, Difference] = defaultdict(Difference)
    for batch in batches(rows_of(recompute), size=COUNTED_AT_ONCE):
        recompute.beat(None)
        for record, old_usd, quote in book.compared(batch):
            found[record.model_asked].add(old_usd, quote.cost_of(usage_in(record)) if quote else None)
    recompute.store_count({model: difference.to_json() for model, difference in sorted(found.items())}, prices)


@transaction.atomic
def book_some(recompute_id: UUID) -> bool:
    """Book the corrections of the next rows. False when there is nothing more to do."""
    recompute = Recompute.objects.select_for_update().get(pk=recompute_id)
    if recompute.status != Recompute.Status.APPLYING:
        return False
    batch = next(batches(rows_of(recompute), recompute.position or FIRST_ID, BOOKED_AT_ONCE), [])
    if not batch:
        recompute.applied_fully()
        return False
    corrections = []
    for record, old_usd, quote in PriceBook().compared(batch):
        new_usd = quote.cost_of(usage_in(record)) if quote else old_usd
        if quote and new_usd != old_usd:
            price = quote.snapshot(usage_in(record), record.created_at)
            corrections.append(Correction(record=record, booked=correcting(record, price, new_usd - old_usd)))
    book(recompute, corrections)
    recompute.beat(batch[-1].pk)
    return True


@transaction.atomic
def reverse_some(recompute_id: UUID) -> bool:
    """Book the opposite of the next corrections. False when there is nothing more to do."""
    recompute = Recompute.objects.select_for_update().get(pk=recompute_id)
    if recompute.status != Recompute.Status.REVERSING:
        return False
    after = recompute.corrections.filter(reverses=False, record_id__gt=recompute.position or FIRST_ID)
    made = list(after.select_related("record", "booked").order_by("record_id")[:BOOKED_AT_ONCE])
    if not made:
        recompute.reversed_fully()
        return False
    opposites = []
    for correction in made:
        record, booked = correction.record, correction.booked
        assert booked.cost_usd is not None
        opposite = correcting(record, record.price, -booked.cost_usd)
        opposites.append(Correction(record=record, booked=opposite, reverses=True))
    book(recompute, opposites)
    recompute.beat(made[-1].record_id)
    return True


def book(recompute: Recompute, corrections: list[Correction]) -> None:
    """Rows and the notes of them, together; a constraint keeps any of them from being made twice."""
    UsageRecord.book(correction.booked for correction in corrections)
    for correction in corrections:
        correction.recompute = recompute
    Correction.objects.bulk_create(corrections)


def correcting(record: UsageRecord, price: dict[str, str] | None, usd: Decimal) -> UsageRecord:
    """The row that adds `usd` to what `record` cost: no tokens, and all else as there, so that it counts beside it."""
    return UsageRecord(
        corrects=record,
        created_at=record.created_at,
        user_key=record.user_key,
        conversation_key=record.conversation_key,
        generation_id=record.generation_id,
        provider=record.provider,
        model_asked=record.model_asked,
        model_answered=record.model_answered,
        purpose=record.purpose,
        outcome=record.outcome,
        confidence=record.confidence,
        price=price,
        cost_usd=usd,
        **dict.fromkeys(TOKEN_CLASSES, 0),
    )


def rows_of(recompute: Recompute) -> QuerySet[UsageRecord]:
    """The calls it is about: those that have a cost already. The others get theirs by `price_unpriced`."""
    calls = UsageRecord.objects.filter(corrects=None, cost_usd__isnull=False, created_at__lt=recompute.ends_at)
    return of_model(calls.filter(created_at__gte=recompute.begins_at), recompute.model)


def of_model(calls: QuerySet[UsageRecord], model: str) -> QuerySet[UsageRecord]:
    """Those that provider:model was asked for, or has answered; all of them for no model."""
    provider, _, name = model.partition(":")
    return calls.filter(Q(model_asked=model) | Q(provider=provider, model_answered=name)) if model else calls


def has_priced_calls(model: str, since: datetime) -> bool:
    """Whether a new price of this model comes too late for some of its calls."""
    calls = UsageRecord.objects.filter(corrects=None, cost_usd__gt=0, created_at__gte=since)
    return of_model(calls, model).exists()


class PriceBook:
    """The prices of all kinds of calls, each looked up once."""

    def __init__(self) -> None:
        self._prices: dict[tuple[str, str], Prices] = {}

    def compared(self, batch: Iterable[UsageRecord]) -> Iterator[tuple[UsageRecord, Decimal, Quote | None]]:
        """(row, what it has cost so far, what it should cost by now)."""
        batch = list(batch)
        corrected = corrections_of(batch)
        for record in batch:
            assert record.cost_usd is not None
            kind = (record.model_asked, record.model_answered)
            if kind not in self._prices:
                self._prices[kind] = Prices(*kind)
            yield record, record.cost_usd + corrected[record.pk], self._prices[kind].at(record.created_at)


def corrections_of(records: Iterable[UsageRecord]) -> defaultdict[UUID, Decimal]:
    """US dollars by which each row has been corrected so far."""
    sums: defaultdict[UUID, Decimal] = defaultdict(Decimal)
    rows = UsageRecord.objects.filter(corrects__in=[record.pk for record in records])
    for corrected, usd in rows.values_list("corrects_id", "cost_usd"):
        sums[corrected] += usd or NOTHING
    return sums
