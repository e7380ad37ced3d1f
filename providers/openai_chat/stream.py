"""Chunks of the Chat Completions API folded into our events."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
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
from providers.errors import Garbled
from providers.openai_chat.usage import WireUsage, to_usage
from providers.openai_server import arguments_of, refusal_in_stream, signed


class WireFunction(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class WireCall(msgspec.Struct):
    """A piece of a tool call. Some servers leave the index out, some the id, some repeat both in every piece."""

    index: int | None = None
    id: str | None = None
    function: WireFunction | None = None
    extra_content: Any = None


class WirePart(msgspec.Struct):
    """Of a list: Mistral's `content` and `thinking`, OpenRouter's `reasoning_details`."""

    text: str | None = None
    summary: str | None = None
    thinking: "str | list[WirePart] | None" = None


class WireSource(msgspec.Struct):
    url: str | None = None
    title: str | None = None


class WireAnnotation(msgspec.Struct):
    url_citation: WireSource | None = None


class WireDelta(msgspec.Struct):
    """`content` is a list of parts at Mistral; reasoning has three names, and some servers fill two of them alike."""

    content: str | list[WirePart] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[WirePart] | None = None
    refusal: str | None = None
    tool_calls: list[WireCall] | None = None
    annotations: list[WireAnnotation] | None = None


class WireChoice(msgspec.Struct):
    index: int | None = None
    delta: WireDelta | None = None
    finish_reason: str | None = None


class WireGroq(msgspec.Struct):
    usage: WireUsage | None = None


class WireChunk(msgspec.Struct):
    model: str | None = None
    choices: list[WireChoice] | None = None
    usage: WireUsage | None = None
    error: Any = None
    x_groq: WireGroq | None = None


_CHUNK = msgspec.json.Decoder(WireChunk)


@dataclass
class _Call:
    """A tool call as far as it has come."""

    index: int | None
    id: str
    name: str = ""
    arguments: str = ""
    extra_content: Any = None

    @property
    def is_whole(self) -> bool:
        """Whether its arguments have come to their end, as far as one can see."""
        with suppress(Garbled):
            return bool(self.arguments) and arguments_of(self.arguments) is not None
        return False

    def continues_with(self, piece: WireCall) -> bool:
        same_place = piece.index is None or piece.index == self.index
        return same_place and (not piece.id or piece.id == self.id)

    def add(self, piece: WireCall) -> None:
        self.extra_content = piece.extra_content or self.extra_content
        if piece.function:
            self.name = self.name or piece.function.name or ""
            arguments = piece.function.arguments or ""
            self.arguments += arguments if isinstance(arguments, str) else json.dumps(arguments)


class Answer:
    """Folds chunks into events. Calls are kept until the end: servers differ in how they cut and mix them."""

    def __init__(self, model: str) -> None:
        self.thinking = True
        self.done = False
        self.finish_reason = ""
        self.usage: Usage | None = None
        self._model = model
        self._started = False
        self._refused = False
        self._calls: list[_Call] = []
        self._reasoning_content: list[str] = []

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the answer itself can be missing, even if its usage has not come."""
        return bool(self.finish_reason) and not self._calls

    def take(self, payload: bytes) -> Iterator[StreamEvent]:
        if payload.startswith(b"[DONE]"):
            self.done = True
            return
        chunk = _CHUNK.decode(payload)
        if chunk.usage or chunk.x_groq:
            self._count(chunk)
        if chunk.error:
            raise refusal_in_stream(chunk.error, self.usage)
        if chunk.model and not self._started:
            self._started = True
            yield Started(chunk.model)
        for choice in chunk.choices or ():
            if not choice.index:
                yield from self._choice(choice)

    def ending(self) -> list[StreamEvent]:
        """Whole calls, usage and the last event. A call without whole arguments is dropped with an answer cut short."""
        reason = self._reason()
        events: list[StreamEvent] = [*self._whole_calls(cut_short=reason in _CUT_SHORT)]
        if self.usage:
            events.append(self.usage)
        return [*events, Finished(reason, self.finish_reason)]

    def _count(self, chunk: WireChunk) -> None:
        """Each report replaces the one before; some servers count up in every chunk."""
        wire = chunk.usage or (chunk.x_groq and chunk.x_groq.usage)
        if wire:
            self.usage = to_usage(wire)

    def _choice(self, choice: WireChoice) -> Iterator[StreamEvent]:
        self.finish_reason = choice.finish_reason or self.finish_reason
        delta = choice.delta
        if delta is None:
            return
        if reasoning := delta.reasoning_content or delta.reasoning or _text_of(delta.reasoning_details):
            yield self._reasoning(reasoning)
        if delta.reasoning_content:
            self._reasoning_content.append(delta.reasoning_content)
        if delta.content:
            yield from self._content(delta.content)
        if delta.refusal:
            self._refused = True
            yield self._text(delta.refusal)
        for piece in delta.tool_calls or ():
            self._add_to_call(piece)
        for annotation in delta.annotations or ():
            if (source := annotation.url_citation) and source.url:
                yield Citation(source.url, source.title or "")

    def _text(self, text: str) -> TextDelta:
        self.thinking, self._started = False, True
        return TextDelta(text)

    def _reasoning(self, text: str) -> ReasoningDelta:
        self.thinking, self._started = True, True
        return ReasoningDelta(text)

    def _content(self, content: str | list[WirePart]) -> Iterator[StreamEvent]:
        if isinstance(content, str):
            yield self._text(content)
            return
        for part in content:
            if thought := _text_of(part.thinking):
                yield self._reasoning(thought)
            if part.text:
                yield self._text(part.text)

    def _add_to_call(self, piece: WireCall) -> None:
        self.thinking = False
        call = next((call for call in reversed(self._calls) if call.continues_with(piece)), None)
        if call is None:
            call = _Call(piece.index, piece.id or f"call_{uuid4().hex}")
            self._calls.append(call)
        call.add(piece)

    def _whole_calls(self, *, cut_short: bool) -> Iterator[ToolCall]:
        reasoning = "".join(self._reasoning_content)
        for call in self._calls:
            if cut_short and not call.is_whole:
                continue
            signature = signed(self._model, reasoning_content=reasoning, extra_content=call.extra_content)
            reasoning = ""
            yield ToolCall(call.id, call.name, self._arguments(call), signature)

    def _arguments(self, call: _Call) -> Mapping[str, Any]:
        try:
            return arguments_of(call.arguments)
        except Garbled as error:
            error.usage = self.usage
            raise

    def _reason(self) -> FinishReason:
        """A server that ends with [DONE] alone, or says `stop` behind a call, has ended as it should."""
        reason = _REASONS.get(self.finish_reason, FinishReason.OTHER)
        if self._refused:
            return FinishReason.REFUSED
        return FinishReason.TOOL_CALLS if self._calls and reason is FinishReason.STOP else reason


_REASONS = {
    "": FinishReason.STOP,
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.REFUSED,
}
_CUT_SHORT = (FinishReason.LENGTH, FinishReason.REFUSED)


def _text_of(parts: str | list[WirePart] | None) -> str:
    if isinstance(parts, str):
        return parts
    return "".join(part.text or part.summary or "" for part in parts or ())
