"""A whole stream of events as one value that tests can compare."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from providers.contract import (
    Citation,
    Finished,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCall,
    Usage,
)
from providers.errors import ProviderError


@dataclass
class Collected:
    events: list[StreamEvent] = field(default_factory=list)
    error: ProviderError | None = None

    def of[E](self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.of(TextDelta))

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.of(ReasoningDelta))

    @property
    def tool_calls(self) -> list[dict[str, object]]:
        return [{"id": c.id, "name": c.name, "arguments": dict(c.arguments)} for c in self.of(ToolCall)]

    @property
    def citations(self) -> list[tuple[str, str]]:
        return [(citation.url, citation.title) for citation in self.of(Citation)]

    @property
    def usage(self) -> Usage | None:
        """The one report; an answer with two of them is no answer of the contract."""
        reports = self.of(Usage)
        assert len(reports) <= 1
        return reports[0] if reports else None

    @property
    def finished(self) -> Finished | None:
        """The last event, where the stream has ended as it should."""
        return self.events[-1] if self.events and isinstance(self.events[-1], Finished) else None

    @property
    def is_in_order(self) -> bool:
        """`Started` only first, nothing behind `Finished`, `Usage` right before it."""
        kinds = [type(event) for event in self.events]
        return (
            Started not in kinds[1:]
            and Finished not in kinds[:-1]
            and (Usage not in kinds or kinds.index(Usage) == len(kinds) - 2)
        )


async def collect(stream: AsyncGenerator[StreamEvent]) -> Collected:
    """All that comes; a ProviderError is kept beside what had come before it."""
    collected = Collected()
    try:
        async with aclosing(stream) as events:
            async for event in events:
                collected.events.append(event)
    except ProviderError as error:
        collected.error = error
    return collected
