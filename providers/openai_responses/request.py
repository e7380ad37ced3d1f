"""A ChatRequest as the arguments of `responses.create`."""

import json
from collections.abc import Iterator
from typing import Any

from providers.contract import ChatRequest, Image, Part, Text, Tool, ToolCall, ToolResult, Turn
from providers.errors import RequestRefused
from providers.openai_server import data_url, proof_in, result_text
from providers.turns import sendable


def to_wire(request: ChatRequest) -> dict[str, Any]:
    """Nothing is stored at the company; every request carries the whole branch."""
    wire: dict[str, Any] = {
        "model": request.model,
        "input": [item for turn in sendable(request.turns) for item in _to_items(turn, request.model)],
        "store": False,
    }
    if request.system:
        wire["instructions"] = request.system
    if request.tools:
        wire["tools"] = [_to_tool(tool) for tool in request.tools]
    if request.max_output_tokens is not None:
        wire["max_output_tokens"] = request.max_output_tokens
    if request.temperature is not None:
        wire["temperature"] = request.temperature
    return wire | _to_reasoning(request)


def _to_reasoning(request: ChatRequest) -> dict[str, Any]:
    match request.reasoning_effort:
        case None:
            return {}
        case "none":
            return {"reasoning": {"effort": "none"}}
        case effort:
            reasoning = {"reasoning": {"effort": effort, "summary": "auto"}}
            return reasoning | ({"include": ["reasoning.encrypted_content"]} if request.tools else {})


def _to_tool(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": False,
    }


def _to_items(turn: Turn, model: str) -> Iterator[dict[str, Any]]:
    """Calls and results are items of their own; what stands between them is one message."""
    content: list[Part] = []
    for part in turn.parts:
        if isinstance(part, Text | Image):
            content.append(part)
            continue
        yield from _to_message(turn.role, content)
        content = []
        if isinstance(part, ToolCall):
            yield from proof_in(part.signature, model).get("reasoning", [])
        yield _to_tool_item(part)
    yield from _to_message(turn.role, content)


def _to_message(role: str, content: list[Part]) -> Iterator[dict[str, Any]]:
    if content:
        yield {"role": role, "content": [_to_content(role, part) for part in content]}


def _to_content(role: str, part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "output_text" if role == "assistant" else "input_text", "text": text}
        case Image() if role == "user":
            return {"type": "input_image", "image_url": data_url(part), "detail": "auto"}
        case _:
            raise RequestRefused(f"a message of the {role} cannot carry this here: {type(part).__name__}")


def _to_tool_item(part: ToolCall | ToolResult) -> dict[str, Any]:
    match part:
        case ToolCall():
            arguments = json.dumps(dict(part.arguments), ensure_ascii=False)
            return {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": arguments}
        case ToolResult():
            return {"type": "function_call_output", "call_id": part.call_id, "output": result_text(part)}
