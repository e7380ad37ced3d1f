"""The answer as it grows: provider events folded into parts, and what of it is not saved yet."""

from time import monotonic
from typing import Any
from uuid import UUID

from conversations.generating.joining import Join
from conversations.generating.thinking import ThinkTags
from conversations.models import DraftSegment, Message, Part
from conversations.streaming.growing import GrowingPart, storable_data
from providers.contract import Citation, ReasoningDelta, TextDelta, ToolCall

UNSAVED = -1


class Draft:
    """Parts in the order they came. A delta of another kind than the last part begins a new one.

    A draft made from the parts of a partial answer goes on in them; what the model repeats of its end is dropped.
    """

    def __init__(self, partial: list[Part] | None = None) -> None:
        self.parts: list[GrowingPart] = []
        self._saved: list[int] = []
        self._began = monotonic()
        for part in partial or []:
            self._begin(part.kind, part.data).append(part.text)
            self._saved[-1] = len(part.text)
        self._lengths_before = [part.length for part in self.parts]
        # Characters of text and reasoning so far.
        self.length = sum(self._lengths_before)
        self._join = self._join_at_end()
        self._tags = ThinkTags()

    def go_on(self) -> str:
        """Another attempt writes on from here. Returns the text that this run has written so far."""
        self.let_go()
        self._join, self._tags = self._join_at_end(), ThinkTags()
        before = dict(enumerate(self._lengths_before))
        texts = ((index, part) for index, part in enumerate(self.parts) if part.kind == Part.Kind.TEXT)
        return "".join(part.since(before.get(index, 0)) for index, part in texts)

    def _join_at_end(self) -> Join | None:
        last = self.parts[-1] if self.parts else None
        return Join(last.text) if last and last.kind == Part.Kind.TEXT else None

    # --- folding ------------------------------------------------------------

    def fold(self, event: TextDelta | ReasoningDelta | ToolCall | Citation) -> None:
        match event:
            case TextDelta(text) if self._join:
                self._grow(Part.Kind.TEXT, self._join.feed(text))
            case TextDelta(text):
                for kind, piece in self._tags.feed(text):
                    self._grow(kind, piece)
            case ReasoningDelta(text):
                # How to go on in mid-sentence is thought about, but it must not stand between two halves of a word.
                if not self._join:
                    self._grow(Part.Kind.REASONING, text)
            case ToolCall():
                call = {"id": event.id, "name": event.name, "arguments": dict(event.arguments)}
                self._begin(Part.Kind.TOOL_CALL, storable_data({**call, "signature": event.signature}))
            case Citation():
                sources = self._part_for(Part.Kind.TEXT).data.setdefault("sources", [])
                if all(source["url"] != event.url for source in sources):
                    sources.append(storable_data({"url": event.url, "title": event.title}))

    def let_go(self) -> None:
        """What was held back, because it might have been a repetition or a tag, is text after all."""
        if self._join:
            self._grow(Part.Kind.TEXT, self._join.rest())
        for kind, piece in self._tags.rest():
            self._grow(kind, piece)

    def _grow(self, kind: str, text: str) -> None:
        if text:
            self.length += self._part_for(kind).append(text)

    def _part_for(self, kind: str) -> GrowingPart:
        if self.parts and self.parts[-1].kind == kind:
            return self.parts[-1]
        return self._begin(kind, {})

    def _begin(self, kind: str, data: dict[str, Any]) -> GrowingPart:
        self._time_reasoning()
        self._began = monotonic()
        self.parts.append(GrowingPart(kind, data))
        self._saved.append(UNSAVED)
        return self.parts[-1]

    def _time_reasoning(self) -> None:
        if self.parts and self.parts[-1].kind == Part.Kind.REASONING:
            self.parts[-1].data.setdefault("duration_s", round(monotonic() - self._began, 1))

    # --- saving -------------------------------------------------------------

    def unsaved(self, generation_id: UUID) -> list[DraftSegment]:
        """What has come since the last call, as rows; it counts as saved from now on."""
        segments = []
        for index, part in enumerate(self.parts):
            if part.length > self._saved[index]:
                start = max(self._saved[index], 0)
                row = DraftSegment(generation_id=generation_id, part=index, start=start, kind=part.kind)
                row.text, row.data = part.since(start), dict(part.data)
                segments.append(row)
                self._saved[index] = part.length
        return segments

    def finished(self, message: Message) -> list[Part]:
        """The parts to store."""
        self._time_reasoning()
        self.let_go()
        return [
            Part(message=message, index=index, kind=part.kind, text=part.text, data=part.data)
            for index, part in enumerate(self.parts)
        ]
