"""What a simulated model does, as JSON: a `Script`; and the book that knows which script is next for which model."""

from collections import deque
from typing import Any, Literal

import msgspec

ANSWER, TITLE = "answer", "title"


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of what comes in as JSON: a misspelt field is an error, not a silent default."""


class Tokens(Strict, frozen=True):
    """Usage in our words (`providers.contract.Usage`); each wire counts it out in its company's way."""

    fresh_input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    @property
    def input(self) -> int:
        return self.fresh_input + self.cache_read + self.cache_write


class ScriptedCall(Strict, frozen=True):
    name: str
    arguments: dict[str, Any] = {}
    id: str = ""


class Fault(Strict, frozen=True):
    """What goes wrong, and where: before visible character `after_chars`, or after `after_bytes` of the body.

    Without a place it happens behind the last delta, before the terminal events. `close` and `reset` break the
    connection, `end` ends the body cleanly without its terminal event, `stall` sends nothing more (for `for_s` seconds,
    then goes on; else until the client leaves), `error` is the company's own in-stream error for `status`.
    """

    kind: Literal["stall", "close", "reset", "end", "error", "broken_json"]
    after_chars: int | None = None
    after_bytes: int | None = None
    for_s: float | None = None
    status: int = 529

    def __post_init__(self) -> None:
        if self.after_chars is not None and self.after_bytes is not None:
            raise ValueError("a fault has one place: after_chars or after_bytes")
        if self.after_bytes is not None and self.kind in ("error", "broken_json"):
            raise ValueError(f"{self.kind} stands between events: use after_chars")


class Script(Strict, frozen=True, kw_only=True):
    """How one request is answered. Everything has a default: `{}` is a pleasant Markdown text at 50 tokens a second."""

    # what is said
    text: str | None = None
    echo: Literal["", "question", "request"] = ""
    reasoning: str = ""
    tool_calls: tuple[ScriptedCall, ...] = ()
    calls_again: bool = False  # also when the request brings tool results, which otherwise gets the text only
    finish: str = ""  # stop, length, tool_calls, refused, or a company's own word; empty: what fits the answer
    usage: Tokens | None = None  # None: counted from the request and the deltas
    report_usage: bool = True
    continuation: Literal["exact", "repeat", "restart", "ignore"] = "exact"
    repeat_chars: int = 20
    # how fast, and cut how
    tokens_per_s: float = 50.0  # 0: without waiting
    headers_delay_s: float = 0.0
    first_token_delay_s: float = 0.0
    token_chars: tuple[int, int] = (4, 4)  # least and most characters of a delta
    wire_bytes: tuple[int, int] | None = None  # cuts the body at bytes, through events, CRLF and UTF-8
    seed: int = 0
    hold_at: tuple[int, ...] = ()  # waits before these characters until a control call releases it
    # what goes wrong
    fault: Fault | None = None
    stall_before_first: bool = False  # not even the response head is sent
    # an answer as it stands
    recording: str = ""  # "<api>/<name>.sse" or ".error.json", byte for byte
    status: int = 200  # 400 and up: the company's own error body, unless `body` is given
    headers: dict[str, str] = {}
    body: str | None = None

    def __post_init__(self) -> None:
        if self.recording and (self.hold_at or (self.fault and self.fault.after_chars is not None)):
            raise ValueError("a recording has no character offsets: use fault.after_bytes")
        if self.token_chars[0] < 1 or (self.wire_bytes and self.wire_bytes[0] < 1):
            raise ValueError("a piece has at least one character or byte")


class Assignment(Strict, frozen=True, kw_only=True):
    """A control call: `queue` is played one script per request, after that `script` for ever. Model `*` means any."""

    model: str
    purpose: Literal["answer", "title"] = "answer"
    script: Script | None = None
    queue: tuple[Script, ...] = ()


class ScriptBook:
    """Which script is next for a model: its own, then that of `*`, then the shortcuts, then the default."""

    def __init__(self, shortcuts: dict[str, Script], default: Script) -> None:
        self._shortcuts = shortcuts
        self._standing = {(ANSWER, "*"): default, (TITLE, "*"): Script(text="A simulated title", tokens_per_s=0)}
        self._assigned: dict[tuple[str, str], tuple[deque[Script], Script | None]] = {}

    def assign(self, assignment: Assignment) -> None:
        """Replaces whatever was assigned to this model and purpose before."""
        key = (assignment.purpose, assignment.model)
        self._assigned[key] = (deque(assignment.queue), assignment.script)

    def clear(self) -> None:
        self._assigned.clear()

    def take(self, model: str, purpose: str) -> Script:
        for name in (model, "*"):
            queue, script = self._assigned.get((purpose, name), ((), None))
            if queue:
                return queue.popleft()
            if script:
                return script
        if purpose == ANSWER and model in self._shortcuts:
            return self._shortcuts[model]
        return self._standing[purpose, "*"]
