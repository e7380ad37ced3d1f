"""Events of the Responses API folded into ours."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from providers.contract import (
    Citation,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCall,
)
from providers.errors import Garbled
from providers.openai_responses.usage import WireUsage, to_usage
from providers.openai_server import arguments_of, refusal_in_stream, signed


class WireDelta(msgspec.Struct, gc=False):
    """The two fields that nearly every event is about; the others are decoded only where they matter."""

    type: str = ""
    delta: Any = None


class WireIncomplete(msgspec.Struct):
    reason: str | None = None


class WireResponse(msgspec.Struct):
    model: str | None = None
    usage: WireUsage | None = None
    error: Any = None
    incomplete_details: WireIncomplete | None = None


class WireEvent(msgspec.Struct):
    """All that we read of the rarer events. An `error` event has its words in `error` or bare, as its server likes."""

    type: str
    response: WireResponse = msgspec.field(default_factory=WireResponse)
    item: dict[str, Any] = {}
    annotation: dict[str, Any] = {}
    error: Any = None
    code: Any = None
    message: Any = None


_DELTA = msgspec.json.Decoder(WireDelta)
_EVENT = msgspec.json.Decoder(WireEvent)


class Answer:
    """Folds wire events into ours, in order. An event we do not know is ignored."""

    def __init__(self, model: str) -> None:
        self.thinking = True
        self.ended = False
        self._model = model
        self._started = False
        self._refused = False
        self._thought = False
        self._new_thought = False
        self._proof: list[dict[str, Any]] = []
        self._called = False
        self._spoilt_call: Garbled | None = None

    def take(self, payload: bytes) -> Iterator[StreamEvent]:
        if self.ended or payload.startswith(b"[DONE]"):
            return
        wire = _DELTA.decode(payload)
        delta = wire.delta if isinstance(wire.delta, str) else ""
        match wire.type:
            case "response.output_text.delta" | "response.refusal.delta" if delta:
                self._refused |= wire.type == "response.refusal.delta"
                self.thinking, self._started = False, True
                yield TextDelta(delta)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" if delta:
                yield self._reasoning(delta)
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                self.thinking = False
            case (
                "response.output_item.added" | "response.reasoning_summary_part.added" | "response.reasoning_part.added"
            ):
                self._new_thought = self._thought
            case name if name in _TAKEN_WHOLE:
                yield from self._take_whole(_EVENT.decode(payload))

    def _take_whole(self, wire: WireEvent) -> Iterator[StreamEvent]:
        match wire.type:
            case "response.created" | "response.in_progress" if wire.response.model and not self._started:
                self._started = True
                yield Started(wire.response.model)
            case "response.output_item.done":
                yield from self._item(wire.item)
            case "response.output_text.annotation.added" if url := wire.annotation.get("url"):
                yield Citation(str(url), str(wire.annotation.get("title") or ""))
            case "response.completed" | "response.incomplete":
                yield from self._ending(wire)
            case "response.failed" | "error":
                failure = wire.response.error or wire.error or {"code": wire.code, "message": wire.message}
                raise refusal_in_stream(failure, to_usage(wire.response.usage))

    def _reasoning(self, text: str) -> ReasoningDelta:
        """A blank line stands between two summaries."""
        self.thinking = True
        separator = "\n\n" if self._new_thought else ""
        self._new_thought, self._thought, self._started = False, True, True
        return ReasoningDelta(separator + text)

    def _item(self, item: Mapping[str, Any]) -> Iterator[ToolCall]:
        match item.get("type"):
            case "reasoning" if item.get("encrypted_content"):
                self._proof.append({name: item[name] for name in _REASONING_ITEM if name in item})
            case "function_call":
                yield from self._function_call(item)
            case "custom_tool_call":
                yield self._call(item, {"__custom_input__": str(item.get("input") or "")})

    def _function_call(self, item: Mapping[str, Any]) -> Iterator[ToolCall]:
        """A call cut off in its arguments is dropped with an incomplete answer, and spoils a complete one."""
        if item.get("status") == "incomplete":
            return
        try:
            arguments = arguments_of(str(item.get("arguments") or ""))
        except Garbled as error:
            self._spoilt_call = error
        else:
            yield self._call(item, arguments)

    def _call(self, item: Mapping[str, Any], arguments: Mapping[str, Any]) -> ToolCall:
        self._called = True
        signature = signed(self._model, reasoning=self._proof)
        self._proof = []
        return ToolCall(str(item.get("call_id") or item.get("id")), str(item.get("name")), arguments, signature)

    def _ending(self, wire: WireEvent) -> Iterator[StreamEvent]:
        if self._spoilt_call and wire.type == "response.completed":
            self._spoilt_call.usage = to_usage(wire.response.usage)
            raise self._spoilt_call
        self.ended = True
        if usage := to_usage(wire.response.usage):
            yield usage
        if wire.type == "response.completed":
            yield Finished(self._reason_of_completed(), "completed")
        else:
            why = (wire.response.incomplete_details or WireIncomplete()).reason or ""
            yield Finished(_INCOMPLETE.get(why, FinishReason.OTHER), f"incomplete:{why}")

    def _reason_of_completed(self) -> FinishReason:
        if self._refused:
            return FinishReason.REFUSED
        return FinishReason.TOOL_CALLS if self._called else FinishReason.STOP


_TAKEN_WHOLE = frozenset(
    {
        "error",
        "response.completed",
        "response.created",
        "response.failed",
        "response.in_progress",
        "response.incomplete",
        "response.output_item.done",
        "response.output_text.annotation.added",
    }
)
_REASONING_ITEM = ("type", "id", "summary", "encrypted_content")
_INCOMPLETE = {
    "max_output_tokens": FinishReason.LENGTH,
    "REASON_MAX_LEN": FinishReason.LENGTH,
    "content_filter": FinishReason.REFUSED,
    "max_messages": FinishReason.PAUSED,
}
