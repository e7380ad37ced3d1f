"""OpenAI Chat Completions: unnamed `data:` chunks, usage in a chunk of its own when asked for, `[DONE]` at the end.

https://platform.openai.com/docs/api-reference/chat-streaming. Reasoning goes where DeepSeek, xAI and others put it,
`reasoning_content`; other servers' habits are in the recordings.
"""

import functools
import time
from typing import Any

import msgspec

from tests.simulator.answers import Answer, Asked, Frame, Turn, cut, words_of
from tests.simulator.openai_errors import error_body, models_list, request_headers
from tests.simulator.scripts import Tokens

API = "openai_chat"
BROKEN = (
    b'data: {"id":"chatcmpl-sim","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"half\n\n'
)
FINISH = {"refused": "content_filter"}

__all__ = ["API", "BROKEN", "error_body", "frames", "models_list", "read", "request_headers", "stream_error"]


def read(body: dict[str, Any]) -> Asked:
    if not body["messages"]:
        raise ValueError("messages: at least one is needed")
    messages = [Turn(message["role"], words_of(message.get("content"))) for message in body["messages"]]
    return Asked(
        model=body["model"],
        system="\n".join(turn.text for turn in messages if turn.role in ("system", "developer")),
        turns=tuple(turn for turn in messages if turn.role in ("user", "assistant")),
        streams=bool(body.get("stream")),
        wants_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        brings_tool_results=bool(messages) and messages[-1].role == "tool",
    )


@functools.lru_cache(maxsize=64)
def frames(answer: Answer) -> tuple[Frame, ...]:
    shell = _shell(answer)
    made = [_delta(shell, {"role": "assistant", "content": "", "refusal": None})]
    made += [_delta(shell, {"reasoning_content": delta}, paced=True) for delta in answer.reasoning]
    made += [_delta(shell, {"content": delta}, chars=len(delta), paced=True) for delta in answer.text]
    for index, call in enumerate(answer.calls):
        start = {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        made.append(_delta(shell, {"tool_calls": [start]}))
        for piece in cut(call.arguments, (4, 4), 0):
            made.append(_delta(shell, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, paced=True))
    ending = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": FINISH.get(answer.finish, answer.finish)}
    made.append(Frame(_chunk({**shell, "choices": [ending]}), final=True))
    if answer.usage:
        made.append(Frame(_chunk({**shell, "choices": [], "usage": _usage(answer.usage)}), final=True))
    made.append(Frame(b"data: [DONE]\n\n", final=True))
    return tuple(made)


def stream_error(status: int) -> bytes:
    return b"data: %b\n\n" % error_body(status)


def _shell(answer: Answer) -> dict[str, Any]:
    """What is the same in every chunk; whoever asked for usage sees `null` until it comes."""
    shell = {
        "id": "chatcmpl-sim",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": answer.model,
    }
    unreported = {"usage": None} if answer.usage else {}
    return {**shell, "service_tier": "default", "system_fingerprint": "fp_sim", **unreported}


def _delta(shell: dict[str, Any], delta: dict[str, Any], *, chars: int = 0, paced: bool = False) -> Frame:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    return Frame(_chunk({**shell, "choices": [choice], "obfuscation": "x" * (16 - chars % 16)}), chars, paced)


def _chunk(fields: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(fields)


def _usage(tokens: Tokens) -> dict[str, Any]:
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cache_read, "cache_write_tokens": tokens.cache_write},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }
