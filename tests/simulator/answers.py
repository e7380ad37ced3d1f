"""From a request and a script to the answer: what is said, in which deltas, with which usage; in no company's words."""

import functools
import random
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.simulator.scripts import ANSWER, TITLE, Script, Tokens
from tests.simulator.texts import PLEASANT

ASKS_TO_CONTINUE = re.compile(r"\b(continue|carry on|go on|left off|where you (stopped|were))\b", re.IGNORECASE)
SENTENCE_START = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Turn:
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, whatever company's API it came by."""

    model: str
    system: str
    turns: tuple[Turn, ...]
    streams: bool = True
    wants_usage: bool = True
    brings_tool_results: bool = False

    @property
    def purpose(self) -> str:
        return TITLE if self.system.lstrip().startswith("Write a title") else ANSWER

    @property
    def question(self) -> str:
        return next((turn.text for turn in reversed(self.turns) if turn.role == "user"), "")

    @property
    def partial(self) -> str:
        """The unfinished answer this request wants more of; empty when it is an ordinary question."""
        said = [turn.text for turn in self.turns if turn.role == "assistant"]
        if not said:
            return ""
        prefilled = self.turns[-1].role == "assistant"
        return said[-1] if prefilled or ASKS_TO_CONTINUE.search(self.question) else ""


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    name: str
    arguments: str  # JSON


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request gets. Hashable, so that the frames of equal answers are made once."""

    model: str
    reasoning: tuple[str, ...]
    text: tuple[str, ...]
    calls: tuple[Call, ...]
    usage: Tokens | None
    finish: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One SSE event as bytes, with the number of visible characters in it.

    A `paced` one waits its turn as a token does; a `final` one tells how the answer ended.
    """

    payload: bytes
    chars: int = 0
    paced: bool = False
    final: bool = False


def answer_to(asked: Asked, script: Script, number: int) -> Answer:
    """`number` makes the ids of tool calls unique."""
    text = cut(what_to_say(asked, script), script.token_chars, script.seed, edges_of(script))
    reasoning = cut(script.reasoning, script.token_chars, script.seed)
    wanted = () if asked.brings_tool_results and not script.calls_again else script.tool_calls
    calls = tuple(
        Call(call.id or f"call_{number}_{at}", call.name, msgspec.json.encode(call.arguments).decode())
        for at, call in enumerate(wanted)
    )
    usage = script.usage or counted(
        asked, len(text) + sum(len(call.arguments) // 4 + 1 for call in calls), len(reasoning)
    )
    reports = script.report_usage and asked.wants_usage
    finish = script.finish or ("tool_calls" if calls else "stop")
    return Answer(asked.model, reasoning, text, calls, usage if reports else None, finish)


def counted(asked: Asked, output: int, reasoning: int) -> Tokens:
    """Four characters sent are a token, and so is each delta."""
    sent = len(asked.system) + sum(len(turn.text) for turn in asked.turns)
    return Tokens(fresh_input=sent // 4 + 1, output=output + reasoning, reasoning=reasoning)


def what_to_say(asked: Asked, script: Script) -> str:
    if script.echo == "question":
        return asked.question
    if script.echo == "request":
        return "\n\n".join(f"**{turn.role}:** {turn.text}" for turn in (Turn("system", asked.system), *asked.turns))
    whole = PLEASANT if script.text is None else script.text
    if script.continuation == "ignore" or not asked.partial:
        return whole
    return rest_of(whole, asked.partial, script)


def rest_of(whole: str, partial: str, script: Script) -> str:
    """`whole` from where `partial` ends, or from before that as the script says; all of it when it is no beginning."""
    start = partial if whole.startswith(partial) else partial.rstrip()
    if not start or start == whole or not whole.startswith(start):
        return whole
    match script.continuation:
        case "repeat":
            return whole[max(0, len(start) - script.repeat_chars) :]
        case "restart":
            starts = [0, *(found.end() for found in SENTENCE_START.finditer(start))]
            return whole[max(at for at in starts if at < len(start)) :]
    return whole[len(start) :]


def edges_of(script: Script) -> tuple[int, ...]:
    fault_at = script.fault.after_chars if script.fault else None
    return (*script.hold_at, *([fault_at] if fault_at is not None else []))


@functools.lru_cache(maxsize=256)
def cut(text: str, sizes: tuple[int, int], seed: int, edges: tuple[int, ...] = ()) -> tuple[str, ...]:
    """Pieces of random size within `sizes`, the same for the same seed; none of them lies across one of the `edges`."""
    draw = random.Random(seed)
    forced = sorted({edge for edge in edges if 0 < edge < len(text)}, reverse=True)
    pieces = []
    at = 0
    while at < len(text):
        end = at + draw.randint(*sizes)
        while forced and forced[-1] <= at:
            forced.pop()
        if forced:
            end = min(end, forced[-1])
        pieces.append(text[at:end])
        at = end
    return tuple(pieces)


def words_of(content: Any) -> str:
    """The text of a message's content: a string, or a list of parts some of which have `text`."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or () if isinstance(part, dict))
