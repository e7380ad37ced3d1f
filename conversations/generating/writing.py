"""Writing: what the models say goes into the draft, what it costs into calls, what readers should know into notes."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any

from django.conf import settings

from chatsite.lanes import in_database
from conversations.accounting.ledger import Call, answer_record
from conversations.generating.asking import Asking
from conversations.generating.caching import cache_key, keep_answer, kept_answer
from conversations.generating.draft import Draft
from conversations.generating.offer import HEALTH
from conversations.models import Generation, UsageRecord
from conversations.models.notices import place_in_line, trying_again
from conversations.streaming.hub import Hub
from providers.answers import Answer, replayed
from providers.attempts import AttemptBegan, AttemptEvent, AttemptFailed
from providers.contract import Finished, FinishReason, ReasoningDelta, Started, TextDelta, Usage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """How a run ended; `error_kind` says why it failed, `finish_reason` is the reason the model gave."""

    status: str
    error_kind: str = ""
    finish_reason: str = ""


INTERNAL = Ending(Generation.Status.FAILED, "internal")
RAN_TOO_LONG = Ending(Generation.Status.FAILED, "ran_too_long")
LONG_ENOUGH = Ending(Generation.Status.COMPLETE, finish_reason=FinishReason.LENGTH)
BUDGET_CROSSED = Ending(Generation.Status.STOPPED, "budget")


class Writing:
    """One answer being written. `call` is the provider call that is open or was the last; None while none counts."""

    def __init__(self, generation: Generation, asking: Asking, draft: Draft, hub: Hub) -> None:
        self.generation = generation
        self.asking = asking
        self.draft = draft
        self.hub = hub
        self.call: Call | None = None
        self.records: list[UsageRecord] = []
        self.events: list[dict[str, Any]] = []
        self._goes_on = draft.length > 0
        self._called_at = monotonic()
        self._received_before = draft.length
        self._length_before = draft.length
        self._stop_at: float = inf

    # --- reading ------------------------------------------------------------

    async def read(self) -> Ending:
        """The answer from the cache or from the models. Raises the ProviderError of the last attempt."""
        key = cache_key(self.asking.offer, self.asking.request, self.generation.conversation.owner_id)
        kept = await in_database(self._kept)(key) if key else None
        if kept:
            return await self._replay(kept)
        try:
            async with asyncio.timeout(self.asking.offer.longest_run_s):
                ending = await self._read_models()
        except TimeoutError:
            return RAN_TOO_LONG
        if key and ending.finish_reason == FinishReason.STOP and self.call and self.call.reported:
            parts = self.draft.finished(self.generation.message)
            await in_database(keep_answer)(key, self.call.model_answered, parts, self.call.reported)
        return ending

    async def _read_models(self) -> Ending:
        longest = settings.LONGEST_ANSWER
        async with aclosing(self.asking.events(self.hub.wanted)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    self._tell_if_cut(event.reason)
                    return Ending(Generation.Status.COMPLETE, finish_reason=event.reason)
                if isinstance(event, AttemptFailed):
                    await self._attempt_failed(event)
                    continue
                self._take(event)
                if self.draft.length - self._length_before > longest:
                    return LONG_ENOUGH
                if self.draft.length > self._stop_at:
                    return self._stopped_by_budget()
        return INTERNAL

    def _take(self, event: AttemptEvent) -> None:
        match event:
            case TextDelta() | ReasoningDelta():
                self._first_token()
                self.draft.fold(event)
                self.hub.touch()
            case AttemptBegan(model):
                self._attempt_began(model)
            case Started(model, usage):
                self._open_call.model_answered, self._open_call.so_far = model, usage
                self._open_call.sent = self.asking.sent
            case Usage():
                self._open_call.reported = event
            case Finished() | AttemptFailed():
                pass
            case _:
                self.draft.fold(event)
                self.hub.touch()

    @property
    def _open_call(self) -> Call:
        assert self.call is not None
        return self.call

    def _first_token(self) -> None:
        if self._open_call.ttft_s is None:
            self._open_call.ttft_s = monotonic() - self._called_at
            HEALTH.succeeded(self._open_call.model_asked, self._open_call.ttft_s)
            self.tell("")

    # --- attempts -----------------------------------------------------------

    def _attempt_began(self, model: str) -> None:
        self.call = Call(model, sent=self.asking.sent, purpose=self._purpose(model))
        self._called_at, self._received_before = monotonic(), self.draft.length
        allowance = self.asking.allowances.get(model)
        self._stop_at = self.draft.length + allowance.stop_at_characters if allowance else inf

    def _purpose(self, model: str) -> str:
        if model != self.generation.model:
            return UsageRecord.Purpose.FALLBACK
        if self.records:
            return UsageRecord.Purpose.RETRY
        return UsageRecord.Purpose.CONTINUE if self._goes_on else UsageRecord.Purpose.ANSWER

    async def _attempt_failed(self, failed: AttemptFailed) -> None:
        """Its row is kept at once; the reader is told what comes next."""
        log.warning(
            "%s failed (%s, status %s), next %s in %.1f s",
            failed.model,
            failed.error.kind,
            failed.error.status,
            failed.next_model,
            failed.wait_s,
        )
        self.close_call(failed.error)
        self.events.append(
            {
                "kind": "failed",
                "model": self.asking.title_of(failed.model),
                "error": failed.error.kind,
                "next": self.asking.title_of(failed.next_model),
                "shown": self.draft.length > self._length_before,
            }
        )
        self.tell(trying_again(self.events[-1], failed.wait_s))
        self.asking.said = self.draft.go_on()
        await in_database(self._keep_record)(failed.error.kind)

    def _keep_record(self, outcome: str) -> None:
        assert self.call is not None
        record = answer_record(self.call, self.generation, outcome)
        UsageRecord.book([record])
        self.records.append(record)
        self.call = None

    def close_call(self, error: BaseException | None = None) -> None:
        """What is known of the call now that nothing more comes from it."""
        if self.call is None:
            return
        self.call.duration_s = monotonic() - self._called_at
        self.call.received = self.draft.length - self._received_before
        self.call.failed(error)

    # --- budgets ------------------------------------------------------------

    def _stopped_by_budget(self) -> Ending:
        """The model has written more than it was asked for, and the budget does not allow that."""
        allowance = self.asking.allowances[self._open_call.model_asked]
        self.events.append({"kind": "budget", "name": allowance.stopped_by})
        return BUDGET_CROSSED

    def _tell_if_cut(self, reason: FinishReason) -> None:
        allowance = self.asking.allowances.get(self._open_call.model_asked)
        if allowance and allowance.cut_by and reason == FinishReason.LENGTH:
            self.events.append({"kind": "budget", "name": allowance.cut_by})

    # --- the cache ----------------------------------------------------------

    def _kept(self, key: str) -> Answer | None:
        """The kept answer, except when the reader has just asked for another one."""
        versions = self.generation.message.parent.children.count() if self.generation.message.parent else 1
        return kept_answer(key) if versions == 1 else None

    async def _replay(self, kept: Answer) -> Ending:
        self.events.append({"kind": "cache"})
        self.call = Call(self.generation.model, model_answered=kept.model, cached=kept.usage)
        async with aclosing(replayed(kept)) as events:
            async for event in events:
                self._take(event)
        return Ending(Generation.Status.COMPLETE, finish_reason=FinishReason.STOP)

    # --- what is told and kept ----------------------------------------------

    def tell(self, note: str) -> None:
        """A line below the answer while it is written."""
        self.hub.note = note
        self.hub.touch()

    def tell_place(self, place: int) -> None:
        self.tell(place_in_line(place) if place else "")

    def told(self) -> list[dict[str, Any]]:
        """What stays to be read in the message about how it came about."""
        left_out = [{"kind": "left_out", "turns": self.asking.left_out}] if self.asking.left_out else []
        return left_out + self.events

    def last_record(self, outcome: str) -> list[UsageRecord]:
        """The row of the call that was open to the end; none when every call has its row."""
        return [answer_record(self.call, self.generation, outcome)] if self.call else []
