"""Gemini's streamGenerateContent against everything real that Google has been heard to say."""

import json
from base64 import b64decode, urlsafe_b64decode
from typing import Any

import pytest

from providers.contract import (
    ChatRequest,
    Connection,
    Finished,
    FinishReason,
    Image,
    Started,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Usage,
)
from providers.errors import (
    ContextTooLong,
    Disconnected,
    KeyRejected,
    ModelUnknown,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)
from providers.google_generate_content import GoogleGenerateContent
from providers.google_generate_content.stream import OWN_ID
from providers.turns import GO_ON
from tests.providers.collected import Collected, collect
from tests.providers.recordings import (
    RecordedError,
    Recording,
    awkward_cuts,
    recorded_errors,
    recording,
    recordings,
)
from tests.serving import Served, serving

HELLO = ChatRequest("gemini-3.8-flash", (Turn("user", (Text("Hello"),)),))
SHORT = "success-finish-message"

ERRORS: dict[str, type[ProviderError]] = {
    "400-context-length": ContextTooLong,
    "401-unauthenticated": KeyRejected,
    "403-permission": KeyRejected,
    "404-model": ModelUnknown,
    "429-quota-retryinfo": RateLimited,
    "500-internal": Overloaded,
}


async def ask(served: Served, request: ChatRequest = HELLO) -> Collected:
    gemini = GoogleGenerateContent(Connection("key-test", served.url))
    try:
        return await collect(gemini.stream(request))
    finally:
        await gemini.aclose()


async def asked(request: ChatRequest) -> dict[str, Any]:
    """The body of the HTTP request that a request of ours becomes."""
    with serving(recording(SHORT).body) as served:
        await ask(served, request)
    body: dict[str, Any] = json.loads(served.requests[0].partition(b"\r\n\r\n")[2])
    return body


# --- answers ----------------------------------------------------------------


@pytest.mark.parametrize("recorded", recordings("google"), ids=str)
async def test_an_answer_says_what_was_recorded_however_it_is_cut(recorded: Recording) -> None:
    body = recorded.body
    for cuts in ([], awkward_cuts(body)):
        with serving(body, cuts=cuts) as served:
            answer = await ask(served)

        assert_says(answer, recorded.expected)


def assert_says(answer: Collected, expected: dict[str, Any]) -> None:
    assert answer.text == expected["text"]
    assert answer.reasoning == expected["reasoning"]
    assert_calls(answer.of(ToolCall), expected["tool_calls"])
    assert answer.citations == [(c["url"], c["title"]) for c in expected["citations"] if c.get("url")]
    assert answer.is_in_order
    assert [started.model for started in answer.of(Started)] == [m for m in [expected["model"]] if m]
    if expected["complete"] and not expected["error"]:
        assert answer.error is None
        assert answer.usage == to_usage(expected)
        assert answer.finished is not None
        assert answer.finished.raw == expected["finish_reason"] or expected["block_reason"]
    else:
        assert answer.error is not None
        assert answer.finished is None


def assert_calls(calls: list[ToolCall], expected: list[dict[str, Any]]) -> None:
    """A call that came without an id has got one of ours."""
    assert [(call.name, call.arguments) for call in calls] == [(e["name"], e["arguments"]) for e in expected]
    for call, wire in zip(calls, expected, strict=True):
        assert call.id == wire["id"] or (wire["id"] is None and call.id.startswith(OWN_ID))
    assert len({call.id for call in calls}) == len(calls)


def to_usage(expected: dict[str, Any]) -> Usage | None:
    """Our count of what was recorded; all classes together are Google's own total."""
    if not expected["usage"]:
        return None
    reported = expected["usage"]
    fetched = expected["usage_raw"].get("toolUsePromptTokenCount", 0)
    thoughts = reported["reasoning"] or 0
    usage = Usage(fresh_input=reported["input"] + fetched, output=reported["output"] + thoughts, reasoning=thoughts)
    assert usage.input + usage.output == reported["total"]
    return usage


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (SHORT, FinishReason.STOP),
        ("google-text-12852", FinishReason.LENGTH),
        ("issue-10781", FinishReason.TOOL_CALLS),
        ("failure-recitation", FinishReason.REFUSED),
        ("failure-prompt-blocked", FinishReason.REFUSED),
        ("failure-unknown-finish-enum", FinishReason.OTHER),
    ],
)
async def test_a_reason_to_stop_is_said_in_our_words(name: str, reason: FinishReason) -> None:
    with serving(recording(name).body) as served:
        answer = await ask(served)

    assert answer.finished is not None
    assert answer.finished.reason is reason


def pieces(*wire: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\r\n\r\n" % json.dumps(piece).encode() for piece in wire)


def saying(text: str, **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [{"text": text}]}, **more}]}


COUNTED = {"usageMetadata": {"promptTokenCount": 50, "cachedContentTokenCount": 40, "candidatesTokenCount": 2}}


async def test_cached_tokens_are_taken_out_of_the_prompt() -> None:
    with serving(pieces(saying("Hi", finishReason="STOP") | COUNTED)) as served:
        answer = await ask(served)

    assert answer.usage == Usage(fresh_input=10, cache_read=40, output=2)


async def test_comments_and_unknown_parts_say_nothing() -> None:
    odd = {"candidates": [{"content": {"parts": [{"hologram": 1}, {"text": ""}]}}, {"finishReason": "SAFETY"}]}
    body = b": keep-alive\n\n" + pieces(saying("Hi"), odd, {"weather": 1}) + b": keep-alive\n\n"
    with serving(body + pieces(saying("!", finishReason="STOP"))) as served:
        answer = await ask(served)

    assert answer.events == [TextDelta("Hi"), TextDelta("!"), Finished(FinishReason.STOP, "STOP")]


async def test_sources_that_later_pieces_repeat_are_named_once() -> None:
    grounding = {"groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}]}
    body = pieces(
        saying("Hi", groundingMetadata=grounding), saying("", groundingMetadata=grounding, finishReason="STOP")
    )
    with serving(body) as served:
        answer = await ask(served)

    assert answer.citations == [("https://a.example", "A")]


async def test_a_finish_reason_in_every_piece_does_not_end_the_answer() -> None:
    with serving(pieces(saying("One", finishReason="STOP"), saying(" two", finishReason="MAX_TOKENS"))) as served:
        answer = await ask(served)

    assert answer.text == "One two"
    assert answer.events[-1] == Finished(FinishReason.LENGTH, "MAX_TOKENS")


# --- refusals ---------------------------------------------------------------


@pytest.mark.parametrize("refused", recorded_errors("google"), ids=str)
async def test_a_refusal_becomes_the_error_it_is(refused: RecordedError) -> None:
    with serving(refused.body, status=refused.status, headers=refused.headers) as served:
        error = (await ask(served)).error

    assert type(error) is ERRORS[str(refused)]
    assert error.status == refused.status
    assert error.detail == refused.expected["error"]["message"]
    assert error.retry_after_s == (48.0 if str(refused) == "429-quota-retryinfo" else None)
    assert len(served.requests) == 1


def refusal(code: int, status: str, message: str, *details: dict[str, Any]) -> bytes:
    error = {"code": code, "status": status, "message": message, "details": list(details)}
    return json.dumps({"error": error}, indent=2).encode()


async def error_of(body: bytes, status: int, headers: dict[str, str] | None = None) -> ProviderError:
    with serving(body, status=status, headers=headers) as served:
        error = (await ask(served)).error
    assert error is not None
    return error


async def test_a_bad_key_is_a_400_here() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    error = await error_of(refusal(400, "INVALID_ARGUMENT", "API key not valid.", info), 400)

    assert type(error) is KeyRejected


async def test_the_time_to_wait_may_stand_in_words_or_in_the_header() -> None:
    body = refusal(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota. Please retry in 48.9s.")

    assert (await error_of(body, 429)).retry_after_s == 48.9
    assert (await error_of(body, 429, {"retry-after": "7"})).retry_after_s == 7.0


async def test_a_quota_per_day_is_no_rate_limit() -> None:
    violation = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "21.5s"}
    error = await error_of(refusal(429, "RESOURCE_EXHAUSTED", "You exceeded your quota.", violation, retry), 429)

    assert type(error) is QuotaExhausted
    assert error.retry_after_s == 21.5


async def test_a_refusal_that_is_no_json_is_told_by_its_status() -> None:
    error = await error_of(b"<html>bad gateway</html>", 502, {"content-type": "text/html"})

    assert type(error) is Overloaded
    assert "bad gateway" in error.detail


async def test_an_error_within_a_stream_keeps_what_was_counted() -> None:
    body = pieces(saying("Hi") | COUNTED) + refusal(503, "UNAVAILABLE", "The model is overloaded.")
    with serving(body) as served:
        answer = await ask(served)

    assert answer.text == "Hi"
    assert type(answer.error) is Overloaded
    assert answer.error.usage == Usage(fresh_input=10, cache_read=40, output=2)


async def test_a_generation_that_google_cancels_is_a_broken_connection() -> None:
    with serving(recording("failure-error-mid-stream").body) as served:
        answer = await ask(served)

    assert type(answer.error) is Disconnected


# --- requests ---------------------------------------------------------------


async def test_a_plain_request_shows_its_thinking_and_is_no_agent() -> None:
    body = await asked(ChatRequest("gemini-3.8-flash", HELLO.turns, "Be kind", max_output_tokens=77, temperature=0.5))

    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "systemInstruction": {"role": "user", "parts": [{"text": "Be kind"}]},
        "generationConfig": {
            "maxOutputTokens": 77,
            "temperature": 0.5,
            "thinkingConfig": {"include_thoughts": True},
        },
    }


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("gemini-3.8-flash", "high", {"include_thoughts": True, "thinking_level": "HIGH"}),
        ("gemini-3.8-flash", "none", {"thinking_level": "MINIMAL"}),
        ("gemini-3.1-pro-preview", "none", {"thinking_level": "LOW"}),
        ("gemini-next", "none", None),
        ("gemini-next", None, None),
    ],
)
async def test_effort_is_asked_for_as_each_model_takes_it(model: str, effort: Any, expected: Any) -> None:
    body = await asked(ChatRequest(model, HELLO.turns, reasoning_effort=effort))

    assert body.get("generationConfig", {}).get("thinkingConfig") == expected


async def test_images_and_tools_are_sent() -> None:
    picture = Turn("user", (Text("What is this?"), Image(b"\x89PNG", "image/png")))
    tool = Tool("add", "Adds", {"type": "object", "properties": {"a_b": {"type": "integer"}}})

    body = await asked(ChatRequest("gemini-3.8-flash", (picture,), tools=(tool,)))

    assert sorted(body["contents"][0]["parts"][1]["inlineData"].values()) == ["iVBORw==", "image/png"]
    (declared,) = body["tools"][0]["functionDeclarations"]
    assert (declared["name"], declared["description"]) == ("add", "Adds")
    assert tool.parameters in declared.values()


async def test_a_call_goes_back_with_the_signature_it_came_with() -> None:
    with serving(recording("issue-10781").body) as served:
        (call,) = (await ask(served)).of(ToolCall)
    result = ToolResult(call.id, call.name, "sunny")
    turns = (*HELLO.turns, Turn("assistant", (call,)), Turn("user", (result,)))

    _, said, answered = (await asked(ChatRequest("gemini-3.8-flash", turns)))["contents"]

    wire_call = {"id": "0yhdfgfy", "name": "get_weather", "args": {"city": "San Francisco"}}
    signature = said["parts"][0].pop("thoughtSignature")
    assert said == {"role": "model", "parts": [{"functionCall": wire_call}]}
    assert urlsafe_b64decode(signature) == b64decode(call.signature) != b""
    response = {"id": "0yhdfgfy", "name": "get_weather", "response": {"output": "sunny"}}
    assert answered == {"role": "user", "parts": [{"functionResponse": response}]}


async def test_calls_of_another_company_pass_without_its_signature_and_without_ids_of_ours() -> None:
    calls = (ToolCall(f"{OWN_ID}1", "add", {"a_b": 1}, signature='[{"type":"thinking"}]'), ToolCall("x", "add", {}))
    results = (ToolResult(f"{OWN_ID}1", "add", "no", is_error=True), ToolResult("x", "add", "1"))
    turns = (*HELLO.turns, Turn("assistant", calls), Turn("user", results))

    _, said, answered = (await asked(ChatRequest("gemini-3.8-flash", turns)))["contents"]

    assert said["parts"] == [
        {
            "functionCall": {"name": "add", "args": {"a_b": 1}},
            "thoughtSignature": "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",
        },
        {"functionCall": {"id": "x", "name": "add", "args": {}}},
    ]
    assert answered["parts"][0] == {"functionResponse": {"name": "add", "response": {"error": "no"}}}


async def test_a_broken_off_answer_is_asked_to_go_on() -> None:
    turns = (*HELLO.turns, Turn("assistant", (Text("Once upon a "),)))

    contents = (await asked(ChatRequest("gemini-3.8-flash", turns)))["contents"]

    assert contents[-1] == {"role": "user", "parts": [{"text": GO_ON}]}


async def test_no_age_limit_is_asked_of_the_server() -> None:
    with serving(recording(SHORT).body) as served:
        await ask(served)

    assert served.requests[0].startswith(b"POST /v1/models/gemini-3.8-flash:streamGenerateContent?alt=sse HTTP/1.1")
    assert b"x-goog-api-key: key-test" in served.requests[0].lower()
    assert b"x-server-timeout" not in served.requests[0].lower()
