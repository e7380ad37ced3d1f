"""The pieces of a response in our words. https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

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
    Usage,
)
from providers.counting import fitted
from providers.errors import Garbled, ProviderError
from providers.google_generate_content.errors import refusal

# Most calls come without an id, and results are found by it.
OWN_ID = "gemini-call-"

_REASONS = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "CONTINUATION": FinishReason.PAUSED,
} | dict.fromkeys(
    ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"),
    FinishReason.REFUSED,
)

_COUNTS = ("prompt", "toolUsePrompt", "cachedContent", "candidates", "thoughts")


class Answer:
    """One answer. There is no last event: every piece may carry a finish reason, and the body's end is the end."""

    def __init__(self) -> None:
        self._counted: dict[str, int] = {}
        self._began = False
        self._finish = ""
        self._blocked = ""
        self._has_calls = False
        self._cited: set[str] = set()

    @property
    def usage(self) -> Usage | None:
        """What has been counted so far; None before the first count."""
        return to_usage(self._counted) if self._counted else None

    def read(self, payload: bytes) -> Iterator[StreamEvent]:
        """What one piece says. Parts we do not know say nothing."""
        wire = msgspec.json.decode(payload, type=dict[str, Any])
        if "error" in wire:
            raise refusal(wire)
        self._count(wire.get("usageMetadata"))
        if not self._began and (model := wire.get("modelVersion")):
            yield Started(str(model), self.usage)
        self._began = True
        match wire:
            case {"promptFeedback": {"blockReason": str(reason)}}:
                self._blocked = reason
        match wire:
            case {"candidates": [dict(candidate), *_]}:
                yield from self._read_candidate(candidate)

    def end(self, stray: bytes) -> Iterator[StreamEvent]:
        """What the end of the body means. An error within a stream is bare JSON there, and no event."""
        if stray:
            raise stray_error(stray)
        if not self._finish and not self._blocked:
            raise Garbled("the answer ended without a finish reason")
        if self.usage:
            yield self.usage
        yield Finished(self._reason(), self._finish or self._blocked)

    def _count(self, usage: Any) -> None:
        """Counts are cumulative. The last report holds as a whole: a later round has earlier thoughts in its prompt."""
        if isinstance(usage, dict):
            self._counted = {name: count for name, count in usage.items() if isinstance(count, int)} or self._counted

    def _read_candidate(self, candidate: dict[str, Any]) -> Iterator[StreamEvent]:
        match candidate:
            case {"finishReason": str(reason)}:
                self._finish = reason
        match candidate:
            case {"content": {"parts": [*parts]}}:
                for part in parts:
                    yield from self._read_part(part)
        match candidate:
            case {"groundingMetadata": {"groundingChunks": [*sources]}}:
                for source in sources:
                    yield from self._cite(source)

    def _read_part(self, part: Any) -> Iterator[StreamEvent]:
        match part:
            case {"functionCall": {"name": str(name)} as call}:
                self._has_calls = True
                call_id = str(call.get("id") or f"{OWN_ID}{uuid4().hex}")
                arguments = call.get("args")
                signature = str(part.get("thoughtSignature") or "")
                yield ToolCall(call_id, name, arguments if isinstance(arguments, dict) else {}, signature)
            case {"text": str(text), "thought": True} if text:
                yield ReasoningDelta(text)
            case {"text": str(text)} if text:
                yield TextDelta(text)

    def _cite(self, source: Any) -> Iterator[Citation]:
        """Every piece may repeat the sources of those before it."""
        match source:
            case {"web": {"uri": str(url)} as page} if url not in self._cited:
                self._cited.add(url)
                yield Citation(url, str(page.get("title") or ""))

    def _reason(self) -> FinishReason:
        if not self._finish:
            return FinishReason.REFUSED
        if self._finish == "STOP" and self._has_calls:
            return FinishReason.TOOL_CALLS
        return _REASONS.get(self._finish, FinishReason.OTHER)


def stray_error(stray: bytes) -> ProviderError:
    with suppress(msgspec.DecodeError):
        wire = msgspec.json.decode(stray, type=dict[str, Any])
        if "error" in wire:
            return refusal(wire)
    return Garbled(f"this is no event stream: {stray[:200].decode(errors='replace')}")


def to_usage(wire: dict[str, int]) -> Usage:
    """Google counts cached tokens within the prompt, what tools fetched beside it, thoughts beside the candidates."""
    prompt, fetched, cached, candidates, thoughts = (max(0, wire.get(f"{name}TokenCount", 0)) for name in _COUNTS)
    return fitted(total_input=prompt + fetched, cache_read=cached, output=candidates + thoughts, reasoning=thoughts)
