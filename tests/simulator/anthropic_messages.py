"""Anthropic Messages: named events, a ping, padded JSON, usage at the start and cumulative at the end.

https://docs.claude.com/en/api/messages-streaming
"""

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tests.simulator.answers import Answer, Asked, Frame, Turn, cut, words_of
from tests.simulator.scripts import Tokens

API = "anthropic"
BROKEN = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"half\n\n'
FINISH = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refused": "refusal",
    "paused": "pause_turn",
}
ERRORS = {
    400: ("invalid_request_error", "This request cannot be answered as it stands."),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use this model."),
    404: ("not_found_error", "model: not found"),
    413: ("request_too_large", "Request exceeds the maximum allowed number of bytes."),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def read(body: dict[str, Any]) -> Asked:
    """Refuses what Anthropic refuses and others do not: no `max_tokens`, a prefill that ends with a space."""
    if "max_tokens" not in body:
        raise ValueError("max_tokens: Field required")
    messages = body["messages"]
    turns = tuple(Turn(message["role"], words_of(message["content"])) for message in messages)
    if turns[-1].role == "assistant" and turns[-1].text != turns[-1].text.rstrip():
        raise ValueError("messages: final assistant content cannot end with trailing whitespace")
    last = messages[-1]["content"]
    return Asked(
        model=body["model"],
        system=words_of(body.get("system")),
        turns=turns,
        streams=bool(body.get("stream")),
        brings_tool_results=isinstance(last, list) and any(part.get("type") == "tool_result" for part in last),
    )


@functools.lru_cache(maxsize=64)
def frames(answer: Answer) -> tuple[Frame, ...]:
    made = [_message_start(answer)]
    for index, (start, deltas) in enumerate(_blocks(answer)):
        made.append(_event("content_block_start", index=index, content_block=start))
        if index == 0:
            made.append(_event("ping"))
        made += [_delta(index, delta) for delta in deltas]
        made.append(_event("content_block_stop", index=index))
    ending = {"stop_reason": FINISH.get(answer.finish, answer.finish), "stop_sequence": None, "stop_details": None}
    made.append(_event("message_delta", final=True, delta=ending, **_usage(answer.usage)))
    made.append(_event("message_stop", final=True))
    return tuple(made)


def stream_error(status: int) -> bytes:
    return b"event: error\ndata: %b\n\n" % error_body(status)


def error_body(status: int, message: str = "") -> bytes:
    kind, usual = ERRORS.get(status) or ERRORS[529 if status > 500 else 400]
    return msgspec.json.encode(
        {"type": "error", "error": {"type": kind, "message": message or usual}, "request_id": "req_sim"}
    )


def models_list(names: Iterable[str]) -> bytes:
    made = {"created_at": "2026-01-01T00:00:00Z", "lifecycle": "active", "type": "model"}
    models = [{"id": name, "display_name": name, **made} for name in names]
    return msgspec.json.encode({"data": models, "has_more": False, "first_id": None, "last_id": None})


def request_headers(number: int) -> dict[str, str]:
    return {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "request-id": f"req_sim{number}",
    }


def _blocks(answer: Answer) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each content block as its start and its deltas."""
    if answer.reasoning:
        deltas = [{"type": "thinking_delta", "thinking": delta} for delta in answer.reasoning]
        signature = {"type": "signature_delta", "signature": "c2ltdWxhdGVkIHNpZ25hdHVyZQ=="}
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signature]
    if answer.text:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": delta} for delta in answer.text]
    for call in answer.calls:
        pieces = ["", *(cut(call.arguments, (4, 4), 0) if call.arguments != "{}" else ())]
        start = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        yield start, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def _message_start(answer: Answer) -> Frame:
    shell = {"id": "msg_sim", "type": "message", "role": "assistant", "model": answer.model, "content": []}
    unended = {"stop_reason": None, "stop_sequence": None, "stop_details": None}
    return _event("message_start", message={**shell, **unended, **_usage(answer.usage, output=1)})


def _delta(index: int, delta: dict[str, Any]) -> Frame:
    return _event("content_block_delta", chars=len(delta.get("text", "")), paced=True, index=index, delta=delta)


def _event(kind: str, *, chars: int = 0, paced: bool = False, final: bool = False, **fields: Any) -> Frame:
    """With spaces before the last brace, as the real ones have."""
    encoded = msgspec.json.encode({"type": kind, **fields})
    padded = encoded if kind == "ping" else encoded[:-1] + b" " * (len(encoded) * 7 % 16) + b"}"
    return Frame(b"event: %b\ndata: %b\n\n" % (kind.encode(), padded), chars, paced, final)


def _usage(tokens: Tokens | None, output: int | None = None) -> dict[str, Any]:
    """Fresh input only; what was read from or written to the cache stands beside it."""
    if tokens is None:
        return {}
    usage: dict[str, Any] = {
        "input_tokens": tokens.fresh_input,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "output_tokens": tokens.output if output is None else output,
    }
    if output is None:
        usage["output_tokens_details"] = {"thinking_tokens": tokens.reasoning}
    return {"usage": usage}
