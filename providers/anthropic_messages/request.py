"""Our request in the words of the Messages API."""

import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import msgspec

from providers.anthropic_messages.stream import THINKING
from providers.catalog import ModelInfo, find
from providers.contract import ChatRequest, Image, Part, Text, ToolCall, ToolResult, Turn
from providers.turns import sendable

# Without `display` current models think, bill it, and show nothing of it.
_SHOWN_THINKING = {"type": "adaptive", "display": "summarized"}


def to_wire(request: ChatRequest) -> dict[str, Any]:
    """The arguments of `messages.create`. The cache mark lets the next call read everything before its own end."""
    model = find("anthropic", request.model)
    wire: dict[str, Any] = {
        "model": request.model,
        "messages": _to_messages(sendable(request.turns)),
        "max_tokens": request.max_output_tokens or model.max_output_tokens,
        "cache_control": {"type": "ephemeral"},
        "stream": True,
        **_to_thinking(request, model),
    }
    if request.system:
        wire["system"] = request.system
    if request.tools:
        wire["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in request.tools
        ]
    if request.temperature is not None and model.temperature and "thinking" not in wire:
        wire["extra_body"] = {"temperature": min(request.temperature, 1.0)}
    return wire


def _to_thinking(request: ChatRequest, model: ModelInfo) -> dict[str, Any]:
    effort = request.reasoning_effort
    if effort is None:
        return {"thinking": _SHOWN_THINKING} if model.reasoning else {}
    if effort != "none":
        return {"thinking": _SHOWN_THINKING, "output_config": {"effort": effort}}
    if "none" in model.efforts:
        return {"thinking": {"type": "disabled"}}
    return {"output_config": {"effort": "low"}} if model.reasoning else {}


def _to_messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Thinking goes back only within the tool round that is under way: elsewhere a changed history makes it invalid."""
    asked = max((index for index, turn in enumerate(turns) if _has_own_words(turn)), default=0)
    return [
        {"role": turn.role, "content": _to_content(turn, replay_thinking=index > asked)}
        for index, turn in enumerate(turns)
    ]


def _has_own_words(turn: Turn) -> bool:
    return turn.role == "user" and not all(isinstance(part, ToolResult) for part in turn.parts)


def _to_content(turn: Turn, *, replay_thinking: bool) -> list[dict[str, Any]]:
    """Tool results first, as the API demands; thinking in front of the words and the call that came out of it."""
    blocks: list[dict[str, Any]] = []
    after_last_call = 0
    for part in sorted(turn.parts, key=lambda part: not isinstance(part, ToolResult)):
        blocks.append(_to_block(part))
        if isinstance(part, ToolCall):
            if replay_thinking:
                blocks[after_last_call:after_last_call] = _to_thinking_blocks(part.signature)
            after_last_call = len(blocks)
    return blocks


def _to_block(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(content, media_type):
            source = {"type": "base64", "media_type": media_type, "data": b64encode(content).decode()}
            return {"type": "image", "source": source}
        case ToolCall(id, name, arguments):
            return {"type": "tool_use", "id": _to_id(id), "name": name, "input": arguments}
        case ToolResult(call_id, _, content, is_error):
            return {"type": "tool_result", "tool_use_id": _to_id(call_id), "content": content, "is_error": is_error}


def _to_id(call_id: str) -> str:
    """Other companies' ids hold characters that Anthropic refuses."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", call_id)


def _to_thinking_blocks(signature: str) -> list[dict[str, Any]]:
    """What `Answer` put into a call's signature; nothing when another company signed it."""
    try:
        blocks = msgspec.json.decode(signature, type=list[dict[str, Any]])
    except msgspec.DecodeError:
        return []
    return [block for block in blocks if block.get("type") in THINKING]
