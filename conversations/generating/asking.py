"""Asking: the models that may answer, in order, each with the request it gets when its turn comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from conversations.accounting.budgets import Allowance
from conversations.generating.offer import HEALTH, Offer, Offers, registry
from conversations.generating.prompt import carrying_on, characters, request_for, said_before
from conversations.models import Generation
from providers.attempts import AttemptEvent, Candidate, attempts
from providers.contract import ChatRequest, StreamEvent, Turn, Wanted


@dataclass
class Asking:
    """What one run asks for. `request` is what was sent last; `left_out` how many of the oldest turns did not fit.

    `allowances`, by model, are what hard budgets allow: answers are asked for no longer than that.
    """

    offers: Sequence[Offer]
    turns: tuple[Turn, ...]
    system: str
    said: str = ""
    allowances: Mapping[str, Allowance] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.request, self.left_out = request_for(self.turns, self.system, self.offers[0])

    @property
    def offer(self) -> Offer:
        """The model that was picked."""
        return self.offers[0]

    @property
    def sent(self) -> int:
        """Characters of the request that was sent last."""
        return characters(self.request)

    def keep_within(self, allowances: Mapping[str, Allowance]) -> None:
        """Ask only models that have an allowance, and for no longer answers than that."""
        self.allowances = allowances
        self.offers = [offer for offer in self.offers if offer.info.id in allowances]
        self.request = self._allowed(self.request, self.offer)

    def title_of(self, model: str) -> str:
        return next(offer.info.title for offer in self.offers if offer.info.id == model)

    def events(self, wanted: Wanted) -> AsyncGenerator[AttemptEvent]:
        """Everything that comes until one model has answered, as long as it is `wanted`.

        `said` must be kept up to date for the model after it.
        """
        chain = [Candidate(offer.info.id, lambda offer=offer: self._ask(offer, wanted)) for offer in self.offers]  # type: ignore[misc]
        return attempts(chain, self.offer.policy, HEALTH)

    def _ask(self, offer: Offer, wanted: Wanted) -> AsyncGenerator[StreamEvent]:
        self.request = replace(self._request_to(offer), wanted=wanted)
        return registry().open(offer.info.provider).stream(self.request)

    def _request_to(self, offer: Offer) -> ChatRequest:
        request, self.left_out = request_for(self.turns, self.system, offer)
        return self._allowed(carrying_on(request, self.said), offer)

    def _allowed(self, request: ChatRequest, offer: Offer) -> ChatRequest:
        allowance = self.allowances.get(offer.info.id)
        return replace(request, max_output_tokens=allowance.max_output_tokens) if allowance else request


def asking_for(generation: Generation, offers: Offers | None = None) -> Asking:
    """The model that was picked and its fallbacks. Reads the branch, and the catalogue unless `offers` are at hand."""
    chain = (offers or Offers()).chain(generation.model)
    return Asking(chain, said_before(generation), generation.conversation.system_prompt)
