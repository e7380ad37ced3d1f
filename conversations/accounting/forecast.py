"""What the next message will cost, about: everything said so far goes along with every question.

The answer is taken to be as long as usual: the median of the reader's latest answers by that model. That a provider
may read the history from its cache for less is left out, and so is the question itself; docs/budgets.md says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from django.utils import timezone

from conversations.accounting.estimating import estimated_tokens
from conversations.accounting.pricing import Prices
from conversations.models import Message, UsageRecord
from providers.contract import Usage
from providers.prices import cost_usd

# Tokens of an answer, until the reader has had as many answers by the model as make a median.
USUAL_ANSWER_TOKENS = 500
FEWEST_ANSWERS = 3
LATEST_ANSWERS = 20
# From here on a new conversation is worth a thought.
DEAR_HISTORY_USD = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class Forecast:
    """US dollars, `history_usd` within `total_usd`; both None when nobody knows the model's price."""

    total_usd: Decimal | None
    history_usd: Decimal | None

    @property
    def is_free(self) -> bool:
        return self.total_usd == 0

    @property
    def history_is_dear(self) -> bool:
        """Most of the cost is for what has been said, and it is not little."""
        if self.history_usd is None or self.total_usd is None:
            return False
        return self.history_usd > max(DEAR_HISTORY_USD, self.total_usd / 2)


def forecast(user_key: int, model: str, history_tokens: int) -> Forecast:
    """For the next question to `provider:model`. Two light queries at most."""
    quote = Prices(model, "").at(timezone.now())
    if quote is None:
        return Forecast(None, None)
    history = cost_usd(Usage(fresh_input=history_tokens), quote.price) or Decimal(0)
    if not quote.price.output:
        return Forecast(history, history)
    answered = Usage(fresh_input=history_tokens, output=usual_answer_tokens(user_key, model))
    return Forecast(cost_usd(answered, quote.price), history)


def usual_answer_tokens(user_key: int, model: str) -> int:
    """Reasoning included."""
    answers = UsageRecord.objects.filter(
        user_key=user_key, model_asked=model, purpose=UsageRecord.Purpose.ANSWER, corrects=None, output__gt=0
    )
    latest = answers.order_by("-created_at").values_list("output", flat=True)[:LATEST_ANSWERS]
    outputs = [output for output in latest if output]
    return round(median(outputs)) if len(outputs) >= FEWEST_ANSWERS else USUAL_ANSWER_TOKENS


def history_tokens(model: str, branch: Sequence[Message]) -> int:
    """What is sent along with the next question: as counted for the last answer, plus what has been said since.

    `branch` ends where the question is to follow, with usage records fetched; its beginning may be missing.
    """
    characters = 0
    for message in reversed(branch):
        call = last_call(message)
        if call is not None and call.tokens_in:
            said = (call.output or 0) - (call.reasoning or 0)
            return call.tokens_in + said + estimated_tokens(model, characters, "input")
        characters += len(message.text)
    return estimated_tokens(model, characters, "input")


def last_call(message: Message) -> UsageRecord | None:
    calls = [call for run in message.generations.all() for call in run.usage_records.all() if not call.corrects_id]
    return max(calls, key=lambda call: call.pk, default=None)
