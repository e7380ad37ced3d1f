"""The answer cache: the same request to the same model need not be paid twice.

`key_of` says what "the same" is; `Answer` is what is kept; `replayed` streams it again at a pace that can be read.
"""

import hashlib
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec

from providers.contract import (
    ChatRequest,
    Citation,
    Finished,
    FinishReason,
    Image,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolResult,
    Usage,
)
from providers.pace import Pace

CHARACTERS_PER_PIECE = 24
PIECES_PER_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer as it is kept: `said` are (kind, text) in order, kind `text` or `reasoning`."""

    model: str
    said: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    usage: Usage

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def answer_from_json(kept: dict[str, Any]) -> Answer:
    """Raises msgspec.ValidationError when it was kept by another version of this file."""
    return msgspec.convert(kept, Answer)


def key_of(model: str, request: ChatRequest, scope: str) -> str:
    """SHA-256 of all that can change the answer. `scope` names whose answers these are: a user, or everybody."""
    asked = asdict(replace(request, timeouts=None, wanted=None))
    canonical = msgspec.json.encode([scope, model, asked], order="sorted")
    return hashlib.sha256(canonical).hexdigest()


def is_cacheable(request: ChatRequest, *, hottest: float = 0.0) -> bool:
    """Requests with tools or images, or above the temperature `hottest`, are asked anew each time."""
    if request.tools or (request.temperature or 0.0) > hottest:
        return False
    parts = [part for turn in request.turns for part in turn.parts]
    return not any(isinstance(part, Image | ToolCall | ToolResult) for part in parts)


async def replayed(answer: Answer) -> AsyncGenerator[StreamEvent]:
    """The kept answer as a stream."""
    yield Started(answer.model)
    pace = Pace(PIECES_PER_S)
    for kind, text in answer.said:
        for start in range(0, len(text), CHARACTERS_PER_PIECE):
            piece = text[start : start + CHARACTERS_PER_PIECE]
            yield TextDelta(piece) if kind == "text" else ReasoningDelta(piece)
            await pace.beat()
    for url, title in answer.sources:
        yield Citation(url, title)
    yield Finished(FinishReason.STOP, "cache")
