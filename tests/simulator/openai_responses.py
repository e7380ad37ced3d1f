"""OpenAI Responses as OpenAI streams it: named events, sequence numbers, no `[DONE]`.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

import functools
import time
from typing import Any

import msgspec

from tests.simulator.answers import Answer, Asked, Call, Frame, Turn, cut, words_of
from tests.simulator.openai_errors import error_body, error_object, models_list, request_headers
from tests.simulator.scripts import Tokens

API = "openai_responses"
BROKEN = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"half\n\n'
INCOMPLETE = {"length": "max_output_tokens", "refused": "content_filter"}

__all__ = ["API", "BROKEN", "error_body", "frames", "models_list", "read", "request_headers", "stream_error"]


def read(body: dict[str, Any]) -> Asked:
    items = body["input"]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    messages = [Turn(item["role"], words_of(item["content"])) for item in items if "role" in item]
    system = "\n".join(turn.text for turn in messages if turn.role in ("system", "developer"))
    return Asked(
        model=body["model"],
        system=body.get("instructions") or system,
        turns=tuple(turn for turn in messages if turn.role in ("user", "assistant")),
        streams=bool(body.get("stream")),
        brings_tool_results=bool(items) and items[-1].get("type") == "function_call_output",
    )


@functools.lru_cache(maxsize=64)
def frames(answer: Answer) -> tuple[Frame, ...]:
    events = _Events(answer)
    events.add("response.created", response=events.response("in_progress"))
    events.add("response.in_progress", response=events.response("in_progress"))
    if answer.reasoning:
        _reasoning(events, answer.reasoning)
    if answer.text or not answer.calls:
        _message(events, answer.text)
    for call in answer.calls:
        _function_call(events, call)
    if answer.finish in ("stop", "tool_calls"):
        events.add("response.completed", final=True, response=events.response("completed", usage=_usage(answer.usage)))
    else:
        reason = {"reason": INCOMPLETE.get(answer.finish, answer.finish)}
        final = events.response("incomplete", usage=_usage(answer.usage), incomplete_details=reason)
        events.add("response.incomplete", final=True, response=final)
    return tuple(events.frames)


def stream_error(status: int) -> bytes:
    """Two events: the error, nested as OpenAI sends it, and the response that failed of it."""
    error = error_object(status)
    failed = {"id": "resp_sim", "object": "response", "status": "failed", "output": [], "error": error}
    return _event("error", 99998, error=error) + _event("response.failed", 99999, response=failed)


def _event(kind: str, sequence_number: int, **fields: Any) -> bytes:
    encoded = msgspec.json.encode({"type": kind, **fields, "sequence_number": sequence_number})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encoded)


class _Events:
    """Collects the events of one response with their sequence numbers, and its finished output items."""

    def __init__(self, answer: Answer) -> None:
        self.frames: list[Frame] = []
        self.output: list[dict[str, Any]] = []
        self._model = answer.model

    def add(self, kind: str, *, final: bool = False, **fields: Any) -> None:
        self.frames.append(Frame(_event(kind, len(self.frames), **fields), final=final))

    def add_delta(self, kind: str, delta: str, *, chars: int = 0, **place: Any) -> None:
        padding = "x" * (16 - len(delta) % 16)
        payload = _event(kind, len(self.frames), delta=delta, obfuscation=padding, **place)
        self.frames.append(Frame(payload, chars, paced=True))

    def open_item(self, item: dict[str, Any]) -> None:
        self.add("response.output_item.added", output_index=len(self.output), item=item)

    def close_item(self, item: dict[str, Any]) -> None:
        self.add("response.output_item.done", output_index=len(self.output), item=item)
        self.output.append(item)

    def response(self, status: str, **fields: Any) -> dict[str, Any]:
        return {
            "id": "resp_sim",
            "object": "response",
            "created_at": int(time.time()),
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self._model,
            "output": list(self.output),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": None,
            **fields,
        }


def _reasoning(events: _Events, deltas: tuple[str, ...]) -> None:
    item = {"id": "rs_sim", "type": "reasoning", "summary": []}
    place: dict[str, Any] = {"item_id": "rs_sim", "output_index": len(events.output), "summary_index": 0}
    whole = {"type": "summary_text", "text": "".join(deltas)}
    events.open_item(item)
    events.add("response.reasoning_summary_part.added", part={"type": "summary_text", "text": ""}, **place)
    for delta in deltas:
        events.add_delta("response.reasoning_summary_text.delta", delta, **place)
    events.add("response.reasoning_summary_text.done", text=whole["text"], **place)
    events.add("response.reasoning_summary_part.done", part=whole, **place)
    events.close_item({**item, "summary": [whole]})


def _message(events: _Events, deltas: tuple[str, ...]) -> None:
    item = {"id": "msg_sim", "type": "message", "status": "in_progress", "role": "assistant", "content": []}
    place: dict[str, Any] = {"item_id": "msg_sim", "output_index": len(events.output), "content_index": 0}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    whole = {**part, "text": "".join(deltas)}
    events.open_item(item)
    events.add("response.content_part.added", part=part, **place)
    for delta in deltas:
        events.add_delta("response.output_text.delta", delta, chars=len(delta), logprobs=[], **place)
    events.add("response.output_text.done", text=whole["text"], logprobs=[], **place)
    events.add("response.content_part.done", part=whole, **place)
    events.close_item({**item, "status": "completed", "content": [whole]})


def _function_call(events: _Events, call: Call) -> None:
    item_id = f"fc_{call.id}"
    item = {"id": item_id, "type": "function_call", "status": "in_progress", "call_id": call.id, "name": call.name}
    place: dict[str, Any] = {"item_id": item_id, "output_index": len(events.output)}
    events.open_item({**item, "arguments": ""})
    for piece in cut(call.arguments, (4, 4), 0):
        events.add_delta("response.function_call_arguments.delta", piece, **place)
    events.add("response.function_call_arguments.done", arguments=call.arguments, **place)
    events.close_item({**item, "status": "completed", "arguments": call.arguments})


def _usage(tokens: Tokens | None) -> dict[str, Any] | None:
    if tokens is None:
        return None
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }
