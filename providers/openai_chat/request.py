"""A ChatRequest as the arguments of `chat.completions.create`."""

import json
from collections.abc import Iterator
from typing import Any

from providers.contract import ChatRequest, Image, Text, Tool, ToolCall, ToolResult, Turn
from providers.errors import RequestRefused
from providers.openai_server import data_url, proof_in, result_text
from providers.turns import sendable


def to_wire(request: ChatRequest, *, is_openai: bool) -> dict[str, Any]:
    """OpenAI itself wants `max_completion_tokens`; many others know only `max_tokens`."""
    wire: dict[str, Any] = {
        "model": request.model,
        "messages": [message for turn in sendable(request.turns) for message in _to_messages(turn, request.model)],
        "stream_options": {"include_usage": True},
    }
    if request.system:
        wire["messages"].insert(0, {"role": "system", "content": request.system})
    if request.tools:
        wire["tools"] = [_to_tool(tool) for tool in request.tools]
    if request.max_output_tokens is not None:
        wire["max_completion_tokens" if is_openai else "max_tokens"] = request.max_output_tokens
    if request.temperature is not None:
        wire["temperature"] = request.temperature
    if request.reasoning_effort is not None:
        wire["reasoning_effort"] = request.reasoning_effort
    return wire


def _to_tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _to_messages(turn: Turn, model: str) -> Iterator[dict[str, Any]]:
    """Results are messages of their own and stand before what the user adds to them."""
    for part in turn.parts:
        if isinstance(part, ToolResult):
            yield {"role": "tool", "tool_call_id": part.call_id, "content": result_text(part)}
    shown = [part for part in turn.parts if isinstance(part, Text | Image)]
    calls = [part for part in turn.parts if isinstance(part, ToolCall)]
    if calls:
        yield {"role": turn.role, "content": _to_content(turn.role, shown) or None} | _to_calls(calls, model)
    elif shown:
        yield {"role": turn.role, "content": _to_content(turn.role, shown)}


def _to_content(role: str, shown: list[Text | Image]) -> str | list[dict[str, Any]]:
    """Text alone is sent as a string: many servers read nothing else."""
    texts = [part.text for part in shown if isinstance(part, Text)]
    if len(texts) == len(shown):
        return "\n\n".join(texts)
    if role != "user":
        raise RequestRefused(f"a message of the {role} cannot carry an image here")
    return [_to_content_part(part) for part in shown]


def _to_content_part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": data_url(part)}}


def _to_calls(calls: list[ToolCall], model: str) -> dict[str, Any]:
    """The fields of a message that calls, with the reasoning that some servers want back: DeepSeek, Kimi, Gemini."""
    fields: dict[str, Any] = {"tool_calls": []}
    for call in calls:
        function = {"name": call.name, "arguments": json.dumps(dict(call.arguments), ensure_ascii=False)}
        proof = proof_in(call.signature, model)
        if "reasoning_content" in proof:
            fields["reasoning_content"] = proof["reasoning_content"]
        extra = {"extra_content": proof["extra_content"]} if "extra_content" in proof else {}
        fields["tool_calls"].append({"id": call.id, "type": "function", "function": function} | extra)
    return fields
