"""The worst case of a request: what is reserved before a model is asked."""

from django.utils import timezone

from conversations.accounting.budgets import Demand
from conversations.accounting.estimating import ratio_of
from conversations.accounting.pricing import Prices
from conversations.generating.prompt import FEWEST_CHARACTERS_PER_TOKEN, characters
from providers.contract import ChatRequest


def worst_case(model: str, request: ChatRequest, longest_tokens: int) -> Demand:
    """Few characters to a token, nothing from a cache, the longest answer; `model` is provider:model."""
    quote = Prices(model, "").at(timezone.now())
    return Demand(
        model=model,
        input_tokens=int(characters(request) / FEWEST_CHARACTERS_PER_TOKEN) + 1,
        longest_tokens=longest_tokens,
        price=quote.price if quote else None,
        tokens_per_character=ratio_of(model, "output"),
    )
