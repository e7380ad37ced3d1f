"""The words every provider adapter speaks: a request goes in, a stream of events comes out."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

# --- what goes in -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image as bytes; `media_type` is `image/png`, `image/jpeg`, `image/webp` or `image/gif`."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants called, complete. Also an event: it is sent once, when its arguments are whole.

    `signature` is the provider's opaque proof of the reasoning behind the call; sent back as it came.
    """

    id: str
    name: str
    arguments: Mapping[str, Any]
    signature: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    call_id: str
    name: str
    content: str
    is_error: bool = False


type Part = Text | Image | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the branch, oldest first. Tool results stand in a `user` turn of their own."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call; `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds, before an attempt ends as `SilentTooLong`."""

    connect_s: float = 5.0
    first_event_s: float = 120.0
    between_events_s: float = 30.0


# When what comes next is wanted; None: now.
type Wanted = Callable[[], Awaitable[object] | None]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call of one model. `model` is the company's own name, without our provider prefix.

    `timeouts` are those of the model where it has its own; the connection's hold otherwise. `wanted` says when
    somebody wants what comes next: until then it may be left lying, to be read at once. None: always.
    """

    model: str
    turns: tuple[Turn, ...]
    system: str = ""
    tools: tuple[Tool, ...] = ()
    max_output_tokens: int | None = None
    temperature: float | None = None
    reasoning_effort: Literal["none", "low", "medium", "high"] | None = None
    timeouts: Timeouts | None = None
    wanted: Wanted | None = None


# --- what comes out ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, counted as billed: no class overlaps another, except that `reasoning` is within `output`."""

    fresh_input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input(self) -> int:
        """All tokens sent, cached or not."""
        return self.fresh_input + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True)
class Started:
    """The company has answered. `model` really answers, `usage` is what it has counted so far, if it says."""

    model: str
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A source the model names for what it said. `title` may be empty."""

    url: str
    title: str = ""


class FinishReason(StrEnum):
    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    REFUSED = "refused"
    PAUSED = "paused"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event. `raw` is the company's own word, kept for the ledger and for support."""

    reason: FinishReason
    raw: str = ""


type StreamEvent = Started | TextDelta | ReasoningDelta | ToolCall | Citation | Usage | Finished


class Provider(Protocol):
    """One company's API, or one compatible server.

    `stream` yields at most one `Started` first, then deltas in order, exactly one `Usage`, then `Finished`. Where the
    company never reports usage, `Usage` is left out. Only `ProviderError` leaves it (and `CancelledError`). Closing the
    generator, or cancelling the task that reads it, closes the upstream connection at once.
    """

    def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]: ...

    async def aclose(self) -> None:
        """Close idle connections; running streams end with `Disconnected`."""


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a provider is and how to talk to it. `base_url` as the company's SDK wants it; empty means its default."""

    api_key: str = field(repr=False)
    base_url: str = ""
    timeouts: Timeouts = Timeouts()
