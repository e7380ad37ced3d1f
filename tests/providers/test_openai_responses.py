"""The Responses adapter against recordings of the real API, over a real connection."""

import json
from typing import Any

import pytest

from providers.contract import (
    ChatRequest,
    Connection,
    Finished,
    FinishReason,
    Image,
    ReasoningDelta,
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
    Garbled,
    ModelUnknown,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
)
from providers.openai_responses import OpenAIResponses
from providers.openai_responses.request import to_wire
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

HELLO = ChatRequest("gpt-6-sol", (Turn("user", (Text("Hello"),)),))
WEATHER = Tool("weather", "Weather of a place", {"type": "object", "properties": {"place": {"type": "string"}}})


@pytest.mark.parametrize("recorded", recordings("openai_responses"), ids=str)
async def test_a_recorded_answer_comes_out_as_it_was_meant(recorded: Recording) -> None:
    with serving(recorded.body) as server:
        whole = await answer_of(server)
    with serving(recorded.body, cuts=awkward_cuts(recorded.body)) as server:
        cut = await answer_of(server)

    assert_as_expected(whole, recorded.expected)
    assert cut.events == whole.events
    assert repr(cut.error) == repr(whole.error)


def assert_as_expected(answer: Collected, expected: dict[str, Any]) -> None:
    assert answer.is_in_order
    assert answer.text == expected["text"] + expected["refusal"]
    assert answer.reasoning == "\n\n".join(expected["reasoning_parts"])
    assert answer.tool_calls == expected["tool_calls"]
    assert answer.citations == [(c["url"], c["title"] or "") for c in expected["citations"] if c["url"]]
    assert answer.of(Started) == [Started(expected["model"])]
    assert answer.usage == usage_of(expected["usage"])
    assert (answer.error.detail if answer.error else None) == (expected["error"] or {}).get("message")
    assert (answer.finished.raw if answer.finished else None) == expected["finish_reason"]


def usage_of(expected: dict[str, int | None] | None) -> Usage | None:
    if expected is None:
        return None
    count = {name: tokens or 0 for name, tokens in expected.items()}
    return Usage(
        fresh_input=count["input"] - count["cached"] - count["cache_write"],
        cache_read=count["cached"],
        cache_write=count["cache_write"],
        output=count["output"],
        reasoning=count["reasoning"],
    )


REASONS = {
    "deepseek-v4-flash-deepseek-responses-function-tool-stream-302d1.sse": FinishReason.TOOL_CALLS,
    "gpt-5.2-codex-openai-custom-tool": FinishReason.TOOL_CALLS,
    "grok-3-mini-high-reasoning": FinishReason.LENGTH,
    "o4-mini-azure-o4-mini-simple": FinishReason.STOP,
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
async def test_an_answer_says_why_it_ended(name: str, reason: FinishReason) -> None:
    with serving(recording(name).body) as server:
        answer = await answer_of(server)

    assert answer.finished
    assert answer.finished.reason is reason


# --- refusals ---------------------------------------------------------------

REFUSALS = {
    "400-context-length": ContextTooLong,
    "404-model": ModelUnknown,
    "429-insufficient-quota": QuotaExhausted,
}


@pytest.mark.parametrize("recorded", recorded_errors("openai_responses"), ids=str)
async def test_a_recorded_refusal_is_the_right_error(recorded: RecordedError) -> None:
    with serving(recorded.body, status=recorded.status, headers=recorded.headers) as server:
        answer = await answer_of(server)

    assert type(answer.error) is REFUSALS[str(recorded)]
    assert answer.error.status == recorded.status
    assert answer.error.detail == recorded.expected["error"]["message"]
    assert not answer.error.retryable


async def test_an_account_without_quota_can_be_told_within_the_stream() -> None:
    with serving(recording("gpt-5-nano-2025-08-07-openai-error").body) as server:
        answer = await answer_of(server)

    assert isinstance(answer.error, QuotaExhausted)


IN_STREAM: list[tuple[dict[str, Any], type[ProviderError]]] = [
    ({"type": "error", "code": "server_error", "message": "Oops"}, Overloaded),
    ({"type": "error", "code": "rate_limit_exceeded", "message": "Slow"}, RateLimited),
    ({"type": "error", "error": {"code": "context_length_exceeded", "message": "Long"}}, ContextTooLong),
    ({"type": "error", "code": None, "message": "Something"}, Overloaded),
    ({"type": "error"}, Overloaded),
    ({"type": "response.failed", "response": {"error": {"code": "invalid_prompt", "message": "No"}}}, RequestRefused),
    ({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "No"}}}, Overloaded),
    ({"type": "response.failed", "response": {"error": {"code": "server_is_overloaded", "message": ""}}}, Overloaded),
    ({"type": "response.failed", "response": {}}, Overloaded),
]


@pytest.mark.parametrize(("event", "kind"), IN_STREAM, ids=lambda value: str(value)[:80])
async def test_an_error_within_the_stream_is_the_right_one(event: dict[str, Any], kind: type[ProviderError]) -> None:
    with serving(sse(text_delta("Hel"), event)) as server:
        answer = await answer_of(server)

    assert answer.events == [TextDelta("Hel")]
    assert type(answer.error) is kind


async def test_a_failed_answer_keeps_what_it_has_cost() -> None:
    failed = {"error": {"code": "server_error", "message": "Oops"}, "usage": {"input_tokens": 9, "output_tokens": 4}}
    with serving(sse({"type": "response.failed", "response": failed})) as server:
        answer = await answer_of(server)

    assert answer.error
    assert answer.error.usage == Usage(fresh_input=9, output=4)


# --- what the recordings do not have ----------------------------------------


async def test_a_refusal_is_text_that_ends_as_refused() -> None:
    with serving(sse({"type": "response.refusal.delta", "delta": "I cannot."}, completed())) as server:
        answer = await answer_of(server)

    assert answer.events == [TextDelta("I cannot."), Finished(FinishReason.REFUSED, "completed")]


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("max_output_tokens", FinishReason.LENGTH),
        ("content_filter", FinishReason.REFUSED),
        ("steered", FinishReason.OTHER),
    ],
)
async def test_an_incomplete_answer_says_why(why: str, reason: FinishReason) -> None:
    with serving(sse(text_delta("Hel"), incomplete(why))) as server:
        answer = await answer_of(server)

    assert answer.events == [TextDelta("Hel"), Finished(reason, f"incomplete:{why}")]


async def test_a_call_that_was_cut_off_is_dropped_with_its_answer() -> None:
    with serving(sse(function_call('{"place": "Flor'), incomplete("max_output_tokens"))) as server:
        answer = await answer_of(server)

    assert answer.events == [Finished(FinishReason.LENGTH, "incomplete:max_output_tokens")]


@pytest.mark.parametrize("arguments", ['{"place": "Flor', '["Florence"]', '"Florence"'])
async def test_a_call_with_broken_arguments_spoils_a_complete_answer(arguments: str) -> None:
    with serving(sse(function_call(arguments), completed(input_tokens=5))) as server:
        answer = await answer_of(server)

    assert answer.events == []
    assert isinstance(answer.error, Garbled)
    assert answer.error.usage == Usage(fresh_input=5)


@pytest.mark.parametrize("arguments", ["", "{}", "null"])
async def test_a_call_without_arguments_has_none(arguments: str) -> None:
    with serving(sse(function_call(arguments), completed())) as server:
        answer = await answer_of(server)

    assert answer.events == [ToolCall("call_1", "weather", {}), Finished(FinishReason.TOOL_CALLS, "completed")]


async def test_two_thoughts_are_two_paragraphs() -> None:
    thought: dict[str, Any] = {"type": "response.reasoning_summary_text.delta"}
    part = {"type": "response.reasoning_summary_part.added"}
    with serving(sse(part, thought | {"delta": "One"}, part, thought | {"delta": "Two"}, completed())) as server:
        answer = await answer_of(server)

    assert answer.of(ReasoningDelta) == [ReasoningDelta("One"), ReasoningDelta("\n\nTwo")]


async def test_more_cached_than_sent_is_no_negative_input() -> None:
    details = {"input_tokens_details": {"cached_tokens": 7, "cache_write_tokens": None}}
    with serving(sse(completed(input_tokens=5, output_tokens=2, **details))) as server:
        answer = await answer_of(server)

    assert answer.usage == Usage(fresh_input=0, cache_read=5, output=2)


async def test_events_nobody_knows_yet_are_passed_over() -> None:
    new = {"type": "response.hologram.delta", "delta": {"x": [1]}}
    with serving(sse(new, text_delta("Hi"), {"delta": "?"}, completed())) as server:
        answer = await answer_of(server)

    assert answer.text == "Hi"
    assert answer.finished


# --- requests ---------------------------------------------------------------


async def test_a_request_stores_nothing_at_the_company() -> None:
    with serving(sse(completed())) as server:
        await answer_of(server)

    (request,) = server.requests
    assert request.startswith(b"POST /v1/responses ")
    assert b"authorization: bearer a-key" in request.lower()
    assert body_of(request) == {
        "model": "gpt-6-sol",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}],
        "store": False,
        "stream": True,
    }


def test_all_that_can_be_asked_is_in_the_request() -> None:
    asked = ChatRequest(
        "gpt-6-sol",
        (Turn("user", (Text("What is this?"), Image(b"\x89PNG", "image/png"))),),
        system="Be brief.",
        tools=(WEATHER,),
        max_output_tokens=500,
        temperature=0.5,
        reasoning_effort="high",
    )

    wire = to_wire(asked)

    assert wire["instructions"] == "Be brief."
    assert wire["max_output_tokens"] == 500
    assert wire["temperature"] == 0.5
    assert wire["reasoning"] == {"effort": "high", "summary": "auto"}
    assert wire["tools"] == [
        {
            "type": "function",
            "name": "weather",
            "description": "Weather of a place",
            "parameters": WEATHER.parameters,
            "strict": False,
        }
    ]
    assert wire["input"][0]["content"][1] == {
        "type": "input_image",
        "image_url": "data:image/png;base64,iVBORw==",
        "detail": "auto",
    }


def test_reasoning_that_is_off_asks_for_no_summary() -> None:
    wire = to_wire(ChatRequest("gpt-6-sol", HELLO.turns, reasoning_effort="none"))

    assert wire["reasoning"] == {"effort": "none"}


def test_calls_and_results_are_items_of_their_own() -> None:
    turns = (
        Turn("user", (Text("Weather in Köln?"),)),
        Turn("assistant", (Text("I'll look."), ToolCall("call_1", "weather", {"place": "Köln"}))),
        Turn("user", (ToolResult("call_1", "weather", "no network", is_error=True),)),
    )

    assert to_wire(ChatRequest("gpt-6-sol", turns))["input"][1:] == [
        {"role": "assistant", "content": [{"type": "output_text", "text": "I'll look."}]},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"place": "Köln"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "Error: no network"},
    ]


def test_half_a_call_and_empty_text_stay_here() -> None:
    turns = (
        Turn("user", (Text("Weather?"), Text(" "))),
        Turn("assistant", (Text(""), ToolCall("call_1", "weather", {}))),
        Turn("user", (Text("And now?"),)),
    )

    sent = json.dumps(to_wire(ChatRequest("gpt-6-sol", turns))["input"])

    assert "call_1" not in sent
    assert '""' not in sent
    assert "And now?" in sent


async def test_the_reasoning_behind_a_call_goes_back_to_the_same_model() -> None:
    thought: dict[str, Any] = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "encrypted_content": "gAAA",
        "status": None,
    }
    done = {"type": "response.output_item.done", "item": thought}
    with serving(sse(done, function_call("{}"), function_call("{}"), completed())) as server:
        answer = await answer_of(server)
    first, second = answer.of(ToolCall)

    sent = to_wire(after(first))["input"]

    assert second.signature == ""
    assert sent[1] == {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    assert sent[2]["type"] == "function_call"


@pytest.mark.parametrize("signature", ["", "gemini-signs-so", "[1]", '{"model": "another", "reasoning": [{"id": 1}]}'])
def test_the_proof_of_another_model_stays_here(signature: str) -> None:
    sent = to_wire(after(ToolCall("call_1", "weather", {}, signature)))["input"]

    assert [item.get("type") for item in sent[1:]] == ["function_call", "function_call_output"]


def test_an_image_of_the_assistant_cannot_be_sent() -> None:
    turns = (Turn("assistant", (Image(b"GIF8", "image/gif"),)), Turn("user", (Text("Whose is it?"),)))

    with pytest.raises(RequestRefused):
        to_wire(ChatRequest("gpt-6-sol", turns))


# --- what a server says -----------------------------------------------------


def after(call: ToolCall) -> ChatRequest:
    turns = (*HELLO.turns, Turn("assistant", (call,)), Turn("user", (ToolResult(call.id, call.name, "21"),)))
    return ChatRequest(HELLO.model, turns)


async def answer_of(server: Served) -> Collected:
    provider = OpenAIResponses(Connection("a-key", f"{server.url}/v1"))
    try:
        return await collect(provider.stream(HELLO))
    finally:
        await provider.aclose()


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (e.get("type", "").encode(), json.dumps(e).encode()) for e in events)


def text_delta(text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": text}


def function_call(arguments: str) -> dict[str, Any]:
    item = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": arguments}
    return {"type": "response.output_item.done", "item": item}


def completed(**usage: Any) -> dict[str, Any]:
    return {"type": "response.completed", "response": {"usage": usage or None}}


def incomplete(why: str) -> dict[str, Any]:
    return {"type": "response.incomplete", "response": {"incomplete_details": {"reason": why}}}


def body_of(request: bytes) -> Any:
    return json.loads(request.partition(b"\r\n\r\n")[2])
