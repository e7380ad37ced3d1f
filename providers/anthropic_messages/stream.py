"""The events of a message in our words. https://platform.claude.com/docs/en/build-with-claude/streaming"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from providers.anthropic_messages.errors import refusal_in_stream
from providers.contract import (
    Citation,
    Finished,
    FinishReason,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCall,
    Usage,
)
from providers.counting import fitted
from providers.errors import Garbled

THINKING = ("thinking", "redacted_thinking")

_INPUTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "pause_turn": FinishReason.PAUSED,
    "refusal": FinishReason.REFUSED,
}


@dataclass
class _OpenCall:
    id: str
    name: str
    arguments: Any
    json: list[str] = field(default_factory=list)


class Answer:
    """One message as its events build it up: open calls, thinking that belongs to the next one, tokens counted."""

    def __init__(self) -> None:
        self.finished = False
        self._counted: dict[str, int] = {}
        self._stop_reason = ""
        self._calls: dict[int, _OpenCall] = {}
        self._thinking: list[dict[str, str]] = []
        self._has_broken_call = False

    @property
    def usage(self) -> Usage | None:
        """What has been counted so far; None before the first count."""
        return to_usage(self._counted) if self._counted else None

    def read(self, payload: bytes) -> Iterator[StreamEvent]:
        """What one wire event says. Events we do not know say nothing."""
        wire = msgspec.json.decode(payload)
        match wire:
            case _ if self.finished:
                return
            case {"type": "content_block_delta", "index": int(index), "delta": delta}:
                yield from self._grow(index, delta)
            case {"type": "content_block_start", "index": int(index), "content_block": block}:
                yield from self._open(index, block)
            case {"type": "content_block_stop", "index": int(index)}:
                yield from self._close(index)
            case {"type": "message_start", "message": {"model": str(model)} as message}:
                self._count(message.get("usage"))
                yield Started(model, self.usage)
            case {"type": "message_delta", "delta": delta}:
                self._count(wire.get("usage"))
                self._note_reason(delta)
            case {"type": "message_stop"}:
                yield from self._finish()
            case {"type": "error", "error": {"type": str(kind), "message": str(message)}}:
                raise refusal_in_stream(kind, message)
            case {"type": "error"}:
                raise refusal_in_stream("api_error", str(wire))

    def _count(self, usage: Any) -> None:
        """Counts are cumulative: the last one that says a number holds."""
        if isinstance(usage, dict):
            self._counted |= {name: count for name, count in usage.items() if isinstance(count, int)}
        match usage:
            case {"output_tokens_details": {"thinking_tokens": int(count)}}:
                self._counted["thinking_tokens"] = count

    def _note_reason(self, delta: Any) -> None:
        match delta:
            case {"stop_reason": str(reason)}:
                self._stop_reason = reason

    def _open(self, index: int, block: Any) -> Iterator[StreamEvent]:
        match block:
            case {"type": "text", "text": str(text)} if text:
                yield TextDelta(text)
            case {"type": "tool_use", "id": str(id), "name": str(name)}:
                self._calls[index] = _OpenCall(id, name, block.get("input"))
            case {"type": "thinking"}:
                self._thinking.append({"type": "thinking", "thinking": "", "signature": ""})
            case {"type": "redacted_thinking", "data": str(sealed)}:
                self._thinking.append({"type": "redacted_thinking", "data": sealed})

    def _grow(self, index: int, delta: Any) -> Iterator[StreamEvent]:
        match delta:
            case {"type": "text_delta", "text": str(text)} if text:
                yield TextDelta(text)
            case {"type": "thinking_delta", "thinking": str(text)} if text:
                self._think("thinking", text)
                yield ReasoningDelta(text)
            case {"type": "signature_delta", "signature": str(signature)}:
                self._think("signature", signature)
            case {"type": "input_json_delta", "partial_json": str(piece)} if index in self._calls:
                self._calls[index].json.append(piece)
            case {"type": "citations_delta", "citation": {"url": str(url)} as citation}:
                yield Citation(url, str(citation.get("title") or ""))

    def _think(self, name: str, piece: str) -> None:
        if self._thinking:
            self._thinking[-1][name] = self._thinking[-1].get(name, "") + piece

    def _close(self, index: int) -> Iterator[StreamEvent]:
        if call := self._calls.pop(index, None):
            try:
                arguments = msgspec.json.decode("".join(call.json) or "{}", type=dict[str, Any])
            except msgspec.DecodeError:
                self._has_broken_call = True
                return
            if not arguments and isinstance(call.arguments, dict):
                arguments = call.arguments
            yield ToolCall(call.id, call.name, arguments, self._taken_thinking())

    def _taken_thinking(self) -> str:
        """The thinking in front of a call, as the API wants it back in the same tool round."""
        thinking, self._thinking = self._thinking, []
        return msgspec.json.encode(thinking).decode() if thinking else ""

    def _finish(self) -> Iterator[StreamEvent]:
        reason = _REASONS.get(self._stop_reason, FinishReason.OTHER)
        if self._has_broken_call and reason is FinishReason.TOOL_CALLS:
            raise Garbled("the arguments of a tool call are no JSON object")
        if self.usage:
            yield self.usage
        self.finished = True
        yield Finished(reason, self._stop_reason)


def to_usage(wire: dict[str, int]) -> Usage:
    """Anthropic counts cached tokens beside `input_tokens`, and thinking within `output_tokens`."""
    fresh, read, write = (max(0, wire.get(name, 0)) for name in _INPUTS)
    return fitted(
        total_input=fresh + read + write,
        output=wire.get("output_tokens", 0),
        cache_read=read,
        cache_write=write,
        reasoning=wire.get("thinking_tokens", 0),
    )
