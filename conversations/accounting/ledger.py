"""Ledger rows: what one provider call used, as far as it is known, and what that cost."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from conversations.accounting.estimating import estimated_tokens
from conversations.accounting.pricing import Prices, usage_in
from conversations.models import Conversation, Generation, UsageRecord
from providers.contract import Usage
from providers.errors import ProviderError

LARGEST_COUNT = 2**31 - 1
LONGEST_NAME = 200


@dataclass(slots=True)
class Call:
    """One provider call as it went. `reported` is the provider's final count, `so_far` what it said at the start.

    `sent` and `received` are characters; `ttft_s` and `duration_s` seconds. `cached` is what the answer used when it
    was paid for: then no provider was called, and this call is free. `refused` says that the request never left, or was
    turned away before an answer began: it used nothing.
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
    refused: bool = False

    @property
    def provider(self) -> str:
        return self.model_asked.partition(":")[0]

    def failed(self, error: BaseException | None) -> None:
        """Note what a call that broke off has used: what was counted by then is no final count.

        A request that never left, or was turned away before an answer began, is not billed.
        """
        if isinstance(error, ProviderError):
            self.so_far = error.usage or self.so_far
            began = self.model_answered or self.so_far or self.reported or self.received
            self.refused = not began and (error.status is not None or not error.retryable or not error.sent)


def usage_of(call: Call) -> tuple[Usage | None, str]:
    """(usage, confidence). A call that was cut short is estimated from its text: it is never free.

    None when nothing is known: no report, and no text from which to estimate one.
    """
    confidence = UsageRecord.Confidence
    if call.cached is not None or call.refused:
        return Usage(), confidence.REPORTED
    if call.reported is not None:
        return call.reported, confidence.REPORTED
    output = estimated_tokens(call.model_asked, call.received, "output")
    if call.so_far is not None:
        most = max(output, call.so_far.output)
        return replace(call.so_far, output=most), confidence.PARTIAL
    if not call.sent and not call.received:
        return None, confidence.UNKNOWN
    fresh = estimated_tokens(call.model_asked, call.sent, "input")
    return Usage(fresh_input=fresh, output=output), confidence.ESTIMATED


def record_of(call: Call, conversation: Conversation, outcome: str) -> UsageRecord:
    """The unsaved ledger row of one call."""
    usage, confidence = usage_of(call)
    record = UsageRecord(
        user_key=conversation.owner_id,
        conversation_key=conversation.pk,
        provider=call.provider,
        model_asked=call.model_asked,
        model_answered=call.model_answered[:LONGEST_NAME],
        purpose=call.purpose,
        outcome=outcome,
        sent_characters=min(call.sent, LARGEST_COUNT),
        received_characters=min(call.received, LARGEST_COUNT),
        confidence=confidence,
        ttft_s=call.ttft_s,
        duration_s=call.duration_s,
        **(asdict(storable(usage)) if usage else {}),
    )
    price(record, call)
    return record


def price(record: UsageRecord, call: Call) -> None:
    """Put onto the row what it costs by what is known now. Nothing when the price is not known, or the tokens are not.

    A cached answer is free, and the row says what it would have cost.
    """
    if record.fresh_input is None:
        return
    now = datetime.now(UTC)
    quote = Prices(record.model_asked, record.model_answered).at(now)
    used = usage_in(record)
    record.price = quote.snapshot(used, now) if quote else None
    record.cost_usd = quote.cost_of(used) if quote else None
    if call.cached is not None:
        record.cost_usd = Decimal(0)
        record.saved_usd = quote.cost_of(storable(call.cached)) if quote else None
    elif used == Usage():
        record.cost_usd = Decimal(0)


def storable(usage: Usage) -> Usage:
    """What the columns can hold of it: a provider that counts oddly must not keep an answer from being stored."""
    counts = {name: min(max(count, 0), LARGEST_COUNT) for name, count in asdict(usage).items()}
    return Usage(**counts | {"reasoning": min(counts["reasoning"], counts["output"])})


def answer_record(call: Call, generation: Generation, outcome: str) -> UsageRecord:
    """The row of the call that wrote `generation`'s answer."""
    record = record_of(call, generation.conversation, outcome)
    record.generation = generation
    return record
