"""Our request in the words of the Gemini API."""

import base64
import binascii
from typing import Any

from providers.catalog import ModelInfo, find
from providers.contract import ChatRequest, Image, Part, Text, Tool, ToolCall, ToolResult, Turn
from providers.google_generate_content.stream import OWN_ID
from providers.turns import sendable

# What Google tells one to send for calls of another model, because Gemini 3 refuses a call without any signature.
# https://ai.google.dev/gemini-api/docs/thought-signatures
_UNSIGNED = b"skip_thought_signature_validator"


def to_wire(request: ChatRequest) -> dict[str, Any]:
    """The arguments of `generate_content_stream`; the SDK may neither call tools nor ask again by itself."""
    model = find("google", request.model)
    config: dict[str, Any] = {
        "automatic_continuation": False,
        "automatic_function_calling": {"disable": True},
        "max_output_tokens": request.max_output_tokens,
        "temperature": request.temperature if model.temperature else None,
        "system_instruction": request.system or None,
        "thinking_config": _to_thinking(request, model),
    }
    if request.tools:
        config["tools"] = [{"function_declarations": [_to_declaration(tool) for tool in request.tools]}]
    return {
        "model": request.model,
        "contents": [_to_content(turn) for turn in sendable(request.turns)],
        "config": {name: value for name, value in config.items() if value is not None},
    }


def _to_declaration(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters_json_schema": dict(tool.parameters)}


def _to_thinking(request: ChatRequest, model: ModelInfo) -> dict[str, Any] | None:
    """Gemini 3 cannot be told not to think at all, only to think as little as it can."""
    effort = request.reasoning_effort
    if effort is None:
        return {"include_thoughts": True} if model.reasoning else None
    if effort == "none":
        return {"thinking_level": "minimal" if "none" in model.efforts else "low"} if model.reasoning else None
    return {"include_thoughts": True, "thinking_level": effort}


def _to_content(turn: Turn) -> dict[str, Any]:
    parts = [_to_part(part) for part in turn.parts]
    calls = [part for part in parts if "function_call" in part]
    if calls:
        calls[0].setdefault("thought_signature", _UNSIGNED)
    return {"role": "model" if turn.role == "assistant" else "user", "parts": parts}


def _to_part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"text": text}
        case Image(content, media_type):
            return {"inline_data": {"data": content, "mime_type": media_type}}
        case ToolCall(id, name, arguments, signature):
            call = {"name": name, "args": dict(arguments), **_to_id(id)}
            signed = _to_signature(signature)
            return {"function_call": call} | ({"thought_signature": signed} if signed else {})
        case ToolResult(call_id, name, content, is_error):
            response = {"error" if is_error else "output": content}
            return {"function_response": {"name": name, "response": response, **_to_id(call_id)}}


def _to_id(call_id: str) -> dict[str, str]:
    """Ids that we made up for calls without one do not go back."""
    return {} if call_id.startswith(OWN_ID) else {"id": call_id}


def _to_signature(signature: str) -> bytes:
    """The bytes that Google signed with; none when another company did."""
    try:
        return base64.b64decode(signature.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        return b""
