"""Makes any branch of messages one that every company accepts: whole tool calls, no empty parts, roles in turn."""

from collections.abc import Sequence
from itertools import pairwise

from providers.contract import Part, Text, ToolCall, ToolResult, Turn

# Claude and Gemini refuse a last turn of the assistant, and nobody simply goes on from one: they have to be asked.
GO_ON = "Go on exactly where your last message broke off. Do not repeat any of it and do not comment on the break."


def sendable(turns: Sequence[Turn]) -> list[Turn]:
    """The turns without empty parts and half tool calls, no two of one role in a row, the last one the user's.

    A call is half when its result does not stand in the next turn; so is a result whose call is not in the turn before.
    """
    whole = _merged(_without_half_calls(_merged(turns)))
    if whole and whole[-1].role == "assistant":
        whole.append(Turn("user", (Text(GO_ON),)))
    return whole


def _merged(turns: Sequence[Turn]) -> list[Turn]:
    merged: list[Turn] = []
    for turn in turns:
        parts = tuple(part for part in turn.parts if not _is_empty(part))
        if parts and merged and merged[-1].role == turn.role:
            merged[-1] = Turn(turn.role, merged[-1].parts + parts)
        elif parts:
            merged.append(Turn(turn.role, parts))
    return merged


def _is_empty(part: Part) -> bool:
    return isinstance(part, Text) and not part.text.strip()


def _without_half_calls(turns: list[Turn]) -> list[Turn]:
    """Ids tell calls apart only within one turn: some servers count 0, 1, 2 in every answer."""
    paired: set[tuple[int, str]] = set()
    for index, (turn, following) in enumerate(pairwise(turns)):
        called = {part.id for part in turn.parts if isinstance(part, ToolCall)}
        answered = {part.call_id for part in following.parts if isinstance(part, ToolResult)}
        paired |= {(place, call) for call in called & answered for place in (index, index + 1)}
    return [Turn(turn.role, tuple(_whole_parts(turn, index, paired))) for index, turn in enumerate(turns)]


def _whole_parts(turn: Turn, index: int, paired: set[tuple[int, str]]) -> list[Part]:
    return [part for part in turn.parts if _call_of(part) is None or (index, _call_of(part)) in paired]


def _call_of(part: Part) -> str | None:
    match part:
        case ToolCall(id=call) | ToolResult(call_id=call):
            return call
    return None
