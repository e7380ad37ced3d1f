"""Ledger rows: what one provider call used, as far as it is known, and what that cost."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal

from conversations.models import Conversation, Generation, UsageRecord
from providers.contract import Usage
from providers.prices import Price, cost_usd, price_of

CHARACTERS_PER_TOKEN = 4
LARGEST_COUNT = 2**31 - 1
LONGEST_NAME = 200
CLASSES = ("fresh_input", "cache_read", "cache_write", "output")


@dataclass(slots=True)
class Call:
    """One provider call as it went. `reported` is the provider's final count, `so_far` what it said at the start.

    `sent` and `received` are characters; `ttft_s` and `duration_s` seconds. `cached` is what the answer used when it
    was paid for: then no provider was called, and this call is free.
    """

    model_asked: str
    sent: int = 0
    received: int = 0
    model_answered: str = ""
    reported: Usage | None = None
    so_far: Usage | None = None
    ttft_s: float | None = None
    duration_s: float | None = None
    purpose: str = UsageRecord.Purpose.ANSWER
    cached: Usage | None = None

    @property
    def provider(self) -> str:
        return self.model_asked.partition(":")[0]


def usage_of(call: Call) -> tuple[Usage, str]:
    """(usage, confidence). A call that was cut short is estimated from its text: it is never free."""
    confidence = UsageRecord.Confidence
    if call.cached is not None:
        return Usage(), confidence.REPORTED
    if call.reported is not None:
        return call.reported, confidence.REPORTED
    output = tokens_in(call.received)
    if call.so_far is not None:
        counted = call.so_far
        most = max(output, counted.output)
        return Usage(counted.fresh_input, counted.cache_read, counted.cache_write, most), confidence.PARTIAL
    return Usage(fresh_input=tokens_in(call.sent), output=output), confidence.ESTIMATED


def tokens_in(characters: int) -> int:
    """About how many tokens a text of so many characters has, rounded up."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def record_of(call: Call, conversation: Conversation, outcome: str) -> UsageRecord:
    """The unsaved ledger row of one call."""
    usage, confidence = usage_of(call)
    usage = storable(usage)
    price = price_at(call, datetime.now(UTC))
    rates = price.of(usage) if price else None
    return UsageRecord(
        user_key=conversation.owner_id,
        conversation_key=conversation.pk,
        provider=call.provider,
        model_asked=call.model_asked,
        model_answered=call.model_answered[:LONGEST_NAME],
        purpose=call.purpose,
        outcome=outcome,
        **asdict(usage),
        confidence=confidence,
        price={name: str(getattr(rates, name)) for name in CLASSES} if rates else None,
        cost_usd=Decimal(0) if call.cached else cost_usd(usage, price),
        saved_usd=cost_usd(call.cached, price) if call.cached else None,
        ttft_s=call.ttft_s,
        duration_s=call.duration_s,
    )


def storable(usage: Usage) -> Usage:
    """What the columns can hold of it: a provider that counts oddly must not keep an answer from being stored."""
    counts = {name: min(max(count, 0), LARGEST_COUNT) for name, count in asdict(usage).items()}
    return Usage(**counts | {"reasoning": min(counts["reasoning"], counts["output"])})


def price_at(call: Call, when: datetime) -> Price | None:
    """The price of the model that answered; of the one that was asked when the answer does not say or is not listed."""
    name = call.model_asked.partition(":")[2]
    answered = price_of(call.provider, call.model_answered, when) if call.model_answered else None
    return answered or price_of(call.provider, name, when)


def answer_record(call: Call, generation: Generation, outcome: str) -> UsageRecord:
    """The row of the call that wrote `generation`'s answer."""
    record = record_of(call, generation.conversation, outcome)
    record.generation = generation
    return record
