"""From a script to steps: which bytes are written when, and what happens between them. Pure; `playing.py` does it."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from tests.simulator.answers import Asked, Frame, answer_to
from tests.simulator.http_messages import LAST_CHUNK, chunk, response_head, whole_response
from tests.simulator.recordings import recorded_refusal, recorded_stream
from tests.simulator.scripts import Fault, Script

Action = Literal["", "hold", "stall", "close", "reset"]
SSE_EVENT = re.compile(rb".+?(?:\r?\n\r?\n|\Z)", re.DOTALL)
BREAKS: dict[str, Action] = {"stall": "stall", "close": "close", "reset": "reset"}


@dataclass(frozen=True, slots=True)
class Step:
    """Wait `wait_s` after the step before, write, then act. `chars` counts all visible characters written by then."""

    payload: bytes = b""
    chars: int = 0
    wait_s: float = 0.0
    action: Action = ""


@dataclass(frozen=True, slots=True)
class Plan:
    status: int
    text: str  # all visible text the steps would write
    steps: tuple[Step, ...]


def plan_of(script: Script, wire: ModuleType, asked: Asked, number: int) -> Plan:
    """`number` is the request's. A script with a whole answer of its own wins over what it says."""
    if script.stall_before_first:
        return Plan(0, "", (Step(action="stall"),))
    if script.recording.endswith(".error.json"):
        refusal = recorded_refusal(script.recording)
        return _whole(refusal.status, refusal.body.encode(), refusal.headers, script)
    if script.body is not None:
        return _whole(script.status, script.body.encode(), {"content-type": "text/plain", **script.headers}, script)
    if script.status != 200:
        headers = {"content-type": "application/json", **script.headers}
        return _whole(script.status, wire.error_body(script.status), headers, script)
    if script.recording:
        stream = recorded_stream(script.recording)
        *events, last = SSE_EVENT.findall(stream.body)
        frames = (*(Frame(event, paced=True) for event in events), Frame(last, len(stream.text), paced=True))
        return Plan(200, stream.text, _streamed(frames, script, wire, number))
    answer = answer_to(asked, script, number)
    return Plan(200, "".join(answer.text), _streamed(wire.frames(answer), script, wire, number))


def _whole(status: int, body: bytes, headers: dict[str, str], script: Script) -> Plan:
    return Plan(status, "", (Step(whole_response(status, body, headers), wait_s=script.headers_delay_s),))


def _streamed(frames: tuple[Frame, ...], script: Script, wire: ModuleType, number: int) -> tuple[Step, ...]:
    ending = next((at for at, frame in enumerate(frames) if frame.final), len(frames))
    steps = list(_paced(frames, script))
    for place in sorted(set(script.hold_at), reverse=True):
        at = _before_char(steps, place, ending)
        steps.insert(at, Step(chars=_chars_before(steps, at), action="hold"))
        ending += 1
    if script.fault:
        steps = _broken(steps, script.fault, wire, ending)
    if script.wire_bytes:
        steps = list(_cut_at_bytes(steps, script.wire_bytes, script.seed))
    headers = {**wire.request_headers(number), "transfer-encoding": "chunked", **script.headers}
    head = Step(response_head(200, headers), wait_s=script.headers_delay_s)
    framed = [Step(chunk(s.payload), s.chars, s.wait_s, s.action) if s.payload else s for s in steps]
    if steps and steps[-1].action in BREAKS:
        return (head, *framed)
    return (head, *framed, Step(LAST_CHUNK, _chars_before(steps, len(steps))))


def _paced(frames: tuple[Frame, ...], script: Script) -> Iterator[Step]:
    """The first token waits for its delay, later ones for their share of a second, other frames for nothing."""
    between_s = 1 / script.tokens_per_s if script.tokens_per_s else 0.0
    wait_s = script.first_token_delay_s
    chars = 0
    for frame in frames:
        chars += frame.chars
        yield Step(frame.payload, chars, wait_s if frame.paced else 0.0)
        if frame.paced:
            wait_s = between_s


def _broken(steps: list[Step], fault: Fault, wire: ModuleType, ending: int) -> list[Step]:
    if fault.after_bytes is not None:
        before, after = _split_at_byte(steps, fault.after_bytes)
    else:
        at = ending if fault.after_chars is None else _before_char(steps, fault.after_chars, ending)
        before, after = steps[:at], steps[at:]
    chars = _chars_before(before, len(before))
    match fault.kind:
        case "error":
            return [*before, Step(wire.stream_error(fault.status), chars)]
        case "broken_json":
            return [*before, Step(wire.BROKEN, chars), *after]
        case "end":
            return before
        case "stall" if fault.for_s is not None:
            return [*before, Step(chars=chars, wait_s=fault.for_s), *after]
    return [*before, Step(chars=chars, action=BREAKS[fault.kind])]


def _chars_before(steps: list[Step], at: int) -> int:
    return steps[at - 1].chars if at else 0


def _before_char(steps: list[Step], char: int, ending: int) -> int:
    """Where the step stands that would write more than `char` characters; before the ending when none does."""
    return next((at for at, step in enumerate(steps) if step.chars > char), ending)


def _split_at_byte(steps: list[Step], offset: int) -> tuple[list[Step], list[Step]]:
    """The body's first `offset` bytes and the rest; the characters of a step cut in two count with its second half."""
    before_chars = 0
    for at, step in enumerate(steps):
        if offset == 0:
            return steps[:at], steps[at:]
        if offset < len(step.payload):
            first = Step(step.payload[:offset], before_chars, step.wait_s)
            second = Step(step.payload[offset:], step.chars)
            return [*steps[:at], first], [second, *steps[at + 1 :]]
        offset -= len(step.payload)
        before_chars = step.chars
    return steps, []


def _cut_at_bytes(steps: list[Step], sizes: tuple[int, int], seed: int) -> Iterator[Step]:
    """Each step in pieces of random size, each piece a chunk of its own, so that a reader gets them one by one."""
    draw = random.Random(seed)
    before_chars = 0
    for step in steps:
        left, wait_s = step.payload, step.wait_s
        while len(left) > (size := draw.randint(*sizes)):
            yield Step(left[:size], before_chars, wait_s)
            left, wait_s = left[size:], 0.0
        yield Step(left, step.chars, wait_s, step.action)
        before_chars = step.chars
