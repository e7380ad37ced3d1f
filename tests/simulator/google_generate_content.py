"""Google streamGenerateContent: unnamed `data:` lines that end in CRLF, cumulative usage in every one of them.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

import functools
from collections.abc import Iterable
from typing import Any

import msgspec

from tests.simulator.answers import Answer, Asked, Frame, Turn, words_of

API = "google"
BROKEN = b'data: {"candidates": [{"content": {"parts": [{"text": "half\r\n\r\n'
FINISH = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "refused": "SAFETY"}
SIGNATURE = "c2ltdWxhdGVkIHNpZ25hdHVyZQ=="
ERRORS = {
    400: ("INVALID_ARGUMENT", "This request cannot be answered as it stands."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "Your project may not use this model."),
    404: ("NOT_FOUND", "The model is not found for this API version."),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
    500: ("INTERNAL", "An internal error has occurred."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
}


def read(body: dict[str, Any]) -> Asked:
    """`model` and `streams` stand in the path; the server adds them to the body."""
    contents = body["contents"]
    last = contents[-1].get("parts") or ()
    return Asked(
        model=body["model"],
        system=words_of((body.get("systemInstruction") or {}).get("parts")),
        turns=tuple(
            Turn("assistant" if content.get("role") == "model" else "user", words_of(content.get("parts")))
            for content in contents
        ),
        streams=bool(body["stream"]),
        brings_tool_results=any("functionResponse" in part for part in last),
    )


@functools.lru_cache(maxsize=64)
def frames(answer: Answer) -> tuple[Frame, ...]:
    made: list[Frame] = []
    thought = said = 0
    for delta in answer.reasoning:
        thought += 1
        made.append(_chunk(answer, {"text": delta, "thought": True}, thought, said, paced=True))
    for delta in answer.text:
        said += 1
        made.append(_chunk(answer, {"text": delta}, thought, said, chars=len(delta), paced=True))
    for call in answer.calls:
        said += 1
        function = {"id": call.id, "name": call.name, "args": msgspec.json.decode(call.arguments)}
        made.append(
            _chunk(answer, {"functionCall": function, "thoughtSignature": SIGNATURE}, thought, said, paced=True)
        )
    made.append(_last_chunk(answer))
    return tuple(made)


def stream_error(status: int) -> bytes:
    """Bare, pretty-printed JSON without `data:`, which a parser of server-sent events drops."""
    return msgspec.json.format(error_body(status), indent=2) + b"\n"


def error_body(status: int, message: str = "") -> bytes:
    code = status if status in ERRORS else (503 if status > 500 else 400)
    word, usual = ERRORS[code]
    return msgspec.json.encode({"error": {"code": code, "message": message or usual, "status": word}})


def models_list(names: Iterable[str]) -> bytes:
    methods = {
        "supportedGenerationMethods": ["generateContent"],
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
    }
    return msgspec.json.encode(
        {"models": [{"name": f"models/{name}", "displayName": name, **methods} for name in names]}
    )


def request_headers(number: int) -> dict[str, str]:
    return {"content-type": "text/event-stream", "content-disposition": "attachment"}


def _chunk(
    answer: Answer, part: dict[str, Any], thought: int, said: int, *, chars: int = 0, paced: bool = False
) -> Frame:
    candidate = {"content": {"parts": [part], "role": "model"}, "index": 0}
    return Frame(_data(answer, candidate, _usage(answer, thought, said)), chars, paced)


def _last_chunk(answer: Answer) -> Frame:
    content = {"parts": [{"text": ""}], "role": "model"}
    candidate = {"content": content, "finishReason": FINISH.get(answer.finish, answer.finish), "index": 0}
    tokens = answer.usage
    usage = _usage(answer, tokens.reasoning, tokens.output - tokens.reasoning) if tokens else {}
    return Frame(_data(answer, candidate, usage), final=True)


def _data(answer: Answer, candidate: dict[str, Any], usage: dict[str, Any]) -> bytes:
    chunk = {"candidates": [candidate], **usage, "modelVersion": answer.model, "responseId": "sim"}
    return b"data: %b\r\n\r\n" % msgspec.json.encode(chunk)


def _usage(answer: Answer, thought: int, said: int) -> dict[str, Any]:
    """Thoughts are not among the candidates' tokens, cached tokens are among the prompt's."""
    if answer.usage is None:
        return {}
    prompt = answer.usage.input
    thought = min(thought, answer.usage.reasoning)
    said = min(said, answer.usage.output - answer.usage.reasoning)
    usage: dict[str, Any] = {"promptTokenCount": prompt, "totalTokenCount": prompt + thought + said}
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": prompt}]
    if said:
        usage["candidatesTokenCount"] = said
    if thought:
        usage["thoughtsTokenCount"] = thought
    if answer.usage.cache_read:
        usage["cachedContentTokenCount"] = answer.usage.cache_read
    return {"usageMetadata": usage}
