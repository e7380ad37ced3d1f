"""The Chat Completions adapter against recordings of OpenAI and of the servers that speak its API."""

import json
from typing import Any

import pytest

from providers.contract import (
    ChatRequest,
    Citation,
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
    Disconnected,
    Garbled,
    KeyRejected,
    ModelUnknown,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
)
from providers.openai_chat import OpenAIChat
from providers.openai_chat.request import to_wire
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

HELLO = ChatRequest("a-model", (Turn("user", (Text("Hello"),)),))
WEATHER = Tool("weather", "Weather of a place", {"type": "object", "properties": {"place": {"type": "string"}}})

# The index was made without `reasoning_details`; in this recording it is the only place where the reasoning stands.
REASONING_BEYOND_THE_INDEX = {"claude-sonnet-4-6-snowflake-thinking-streaming-9d60e": "15 * 27 = 405"}


@pytest.mark.parametrize("recorded", recordings("openai_chat"), ids=str)
async def test_a_recorded_answer_comes_out_as_it_was_meant(recorded: Recording) -> None:
    with serving(recorded.body) as server:
        whole = await answer_of(server)
    with serving(recorded.body, cuts=awkward_cuts(recorded.body)) as server:
        cut = await answer_of(server)

    assert_as_expected(whole, recorded)
    assert cut.events == whole.events
    assert repr(cut.error) == repr(whole.error)


def assert_as_expected(answer: Collected, recorded: Recording) -> None:
    expected = recorded.expected
    assert answer.is_in_order
    assert answer.text == expected["text"] + expected["refusal"]
    assert answer.reasoning == REASONING_BEYOND_THE_INDEX.get(str(recorded), expected["reasoning"])
    assert answer.tool_calls == expected["tool_calls"]
    assert len(answer.citations) == expected["annotations"]
    assert answer.of(Started) == [Started(expected["model"])]
    assert answer.usage == usage_of(expected["usage"])
    assert (answer.error.detail if answer.error else None) == (expected["error"] or {}).get("message")
    if expected["error"] is None:
        assert answer.finished
        assert answer.finished.raw == (expected["finish_reason"] or "")


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
    "claude-sonnet-4-6-snowflake": FinishReason.STOP,
    "deepseek-chat-deepseek-text": FinishReason.LENGTH,
    "gpt-4o-mini-chinese-short": FinishReason.STOP,
    "kimi-k2-0905": FinishReason.TOOL_CALLS,
    "qwen3-chat-function-calling-gpustack-qwen3-can-use-t-7dc24-2": FinishReason.TOOL_CALLS,
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
async def test_an_answer_says_why_it_ended(name: str, reason: FinishReason) -> None:
    with serving(recording(name).body) as server:
        answer = await answer_of(server)

    assert answer.finished
    assert answer.finished.reason is reason


async def test_a_web_search_names_its_sources() -> None:
    with serving(recording("openrouter-web-search-annotations").body) as server:
        answer = await answer_of(server)

    first, second, *_ = answer.of(Citation)
    assert first == Citation("https://github.com/pydantic/pydantic-ai", "AI Agent Framework, the Pydantic way - GitHub")
    assert second == Citation("https://pydantic.dev/pydantic-ai", "")


# --- refusals ---------------------------------------------------------------

REFUSALS: dict[str, tuple[type[ProviderError], str]] = {
    "401-invalid-key": (KeyRejected, "Incorrect API key provided"),
    "500-server-error": (Overloaded, "The server had an error"),
    "azure-408-plain-text": (Overloaded, "upstream request timeout"),
    "azure-429-retry-after-60": (RateLimited, "Your requests to gpt-4.1"),
    "deepseek-400-context-length": (ContextTooLong, "This model's maximum context length"),
    "deepseek-422-plain-text": (RequestRefused, "Failed to deserialize"),
    "mistral-429": (RateLimited, "Rate limit exceeded"),
    "openrouter-429": (RateLimited, "Provider returned error"),
    "xai-503-error-is-string": (Overloaded, "Service temporarily unavailable"),
}


@pytest.mark.parametrize("recorded", recorded_errors("openai_chat"), ids=str)
async def test_a_recorded_refusal_is_the_right_error(recorded: RecordedError) -> None:
    with serving(recorded.body, status=recorded.status, headers=recorded.headers) as server:
        answer = await answer_of(server)

    kind, sentence = REFUSALS[str(recorded)]
    assert type(answer.error) is kind
    assert answer.error.status == recorded.status
    assert answer.error.detail.startswith(sentence)
    assert answer.error.retry_after_s == (60.0 if recorded.expected["retry_after"] else None)


ANSWERS: list[tuple[int, Any, type[ProviderError]]] = [
    (400, {"error": {"code": "model_not_found", "message": "No such model"}}, ModelUnknown),
    (400, {"error": "Incorrect API key provided: xa***"}, KeyRejected),
    (400, {"error": {"code": "content_filter", "message": "The response was filtered"}}, RequestRefused),
    (402, {"error": {"message": "Insufficient Balance"}}, QuotaExhausted),
    (402, {"error": {"message": "Pay first"}}, QuotaExhausted),
    (403, {"error": {"message": "You may not use this model"}}, KeyRejected),
    (404, {"error": {"message": 'model "llama9" not found, try pulling it first'}}, ModelUnknown),
    (413, {"error": {"message": "Payload too large"}}, ContextTooLong),
    (429, {"error": {"message": "Request too large for gpt-6-sol on tokens per min (TPM)"}}, ContextTooLong),
    (429, {"error": {"code": "insufficient_quota", "message": "You exceeded"}}, QuotaExhausted),
    (418, {}, RequestRefused),
    (500, None, Overloaded),
    (529, [], Overloaded),
]


@pytest.mark.parametrize(("status", "body", "kind"), ANSWERS)
async def test_a_refusal_is_told_by_its_words_and_its_status(status: int, body: Any, kind: type[ProviderError]) -> None:
    with serving(json.dumps(body).encode(), status=status) as server:
        answer = await answer_of(server)

    assert type(answer.error) is kind
    assert answer.error.status == status


IN_STREAM: list[tuple[Any, type[ProviderError]]] = [
    ({"message": "Provider returned error", "code": 429}, RateLimited),
    ({"message": "Bad gateway", "code": 502}, Overloaded),
    ({"message": "No", "code": "400"}, RequestRefused),
    ({"message": "Tool choice", "type": "invalid_request_error"}, RequestRefused),
    ({"message": "Oops", "type": "api_error"}, Overloaded),
    ("unexpected EOF", Overloaded),
    ({"message": "maximum context length is 8192 tokens"}, ContextTooLong),
]


@pytest.mark.parametrize(("error", "kind"), IN_STREAM, ids=lambda value: str(value)[:60])
async def test_an_error_within_the_stream_is_the_right_one(error: Any, kind: type[ProviderError]) -> None:
    with serving(sse(content("Hel"), {"error": error})) as server:
        answer = await answer_of(server)

    assert answer.events == [TextDelta("Hel")]
    assert type(answer.error) is kind


async def test_an_error_behind_the_finish_reason_is_still_an_error_and_keeps_its_usage() -> None:
    with serving(recording("minimax-m2-free-openrouter-stream-error").body) as server:
        answer = await answer_of(server)

    assert isinstance(answer.error, RequestRefused)
    assert answer.error.usage == Usage(fresh_input=43, output=10, reasoning=10)


# --- what servers do differently --------------------------------------------


async def test_usage_is_counted_once_and_the_last_report_wins() -> None:
    reports = [{"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": n}} for n in (1, 2, 3)]
    with serving(sse(*reports, finish("stop"), done=True)) as server:
        answer = await answer_of(server)

    assert answer.of(Usage) == [Usage(fresh_input=5, output=3)]


async def test_reasoning_beyond_the_output_is_added_where_the_total_says_so() -> None:
    counts = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 35}
    usage = counts | {"completion_tokens_details": {"reasoning_tokens": 20}}
    with serving(sse(finish("stop"), {"usage": usage}, done=True)) as server:
        answer = await answer_of(server)

    assert answer.usage == Usage(fresh_input=10, output=25, reasoning=20)


async def test_older_groq_and_deepseek_count_in_places_of_their_own() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4}
    with serving(sse(finish("stop") | {"x_groq": {"usage": usage}}, done=True)) as server:
        answer = await answer_of(server)

    assert answer.usage == Usage(fresh_input=6, cache_read=4, output=5)


async def test_mistral_thinks_in_lists() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    with serving(sse(delta(content=[thinking, {"type": "text", "text": "Hi"}]), finish("stop"), done=True)) as server:
        answer = await answer_of(server)

    assert answer.events[:-1] == [ReasoningDelta("Hm."), TextDelta("Hi")]


async def test_reasoning_under_two_names_comes_once() -> None:
    with serving(sse(delta(reasoning="Hm.", reasoning_content="Hm."), finish("stop"), done=True)) as server:
        answer = await answer_of(server)

    assert answer.reasoning == "Hm."


async def test_a_refusal_is_text_that_ends_as_refused() -> None:
    with serving(sse(delta(refusal="I cannot."), finish("stop"), done=True)) as server:
        answer = await answer_of(server)

    assert answer.events == [TextDelta("I cannot."), Finished(FinishReason.REFUSED, "stop")]


CALLS: dict[str, list[dict[str, Any]]] = {
    "by index": [
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"n"'}},
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}},
        {"index": 0, "function": {"arguments": ": 1}"}},
        {"index": 1, "function": {"arguments": "{}"}},
    ],
    "by id": [
        {"id": "a", "function": {"name": "f", "arguments": '{"n"'}},
        {"id": "a", "function": {"arguments": ": 1}"}},
        {"id": "b", "function": {"name": "g"}},
    ],
    "by order": [
        {"id": "a", "function": {"name": "f", "arguments": '{"n"'}},
        {"function": {"arguments": ": 1}"}},
        {"id": "b", "function": {"name": "g", "arguments": "{}"}},
    ],
    "all at index 0": [
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"n": 1}'}},
        {"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}},
    ],
    "from index 1, arguments as an object": [
        {"index": 1, "id": "a", "function": {"name": "f", "arguments": {"n": 1}}},
        {"index": 2, "id": "b", "function": {"name": "g", "arguments": None}},
    ],
}


@pytest.mark.parametrize("pieces", CALLS.values(), ids=CALLS)
async def test_calls_are_put_together_however_a_server_cuts_them(pieces: list[dict[str, Any]]) -> None:
    deltas = [delta(tool_calls=[piece]) for piece in pieces]
    with serving(sse(*deltas, finish("stop"), done=True)) as server:
        answer = await answer_of(server)

    assert answer.events == [
        ToolCall("a", "f", {"n": 1}),
        ToolCall("b", "g", {}),
        Finished(FinishReason.TOOL_CALLS, "stop"),
    ]


async def test_a_call_without_an_id_gets_one() -> None:
    with serving(sse(delta(tool_calls=[{"function": {"name": "f"}}]), finish("tool_calls"), done=True)) as server:
        answer = await answer_of(server)

    assert answer.of(ToolCall)[0].id.startswith("call_")


@pytest.mark.parametrize("arguments", ['{"place": "Flor', ""])
async def test_a_call_that_was_cut_off_is_dropped_with_its_answer(arguments: str) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "weather", "arguments": arguments}}
    with serving(sse(delta(tool_calls=[call]), finish("length"), done=True)) as server:
        answer = await answer_of(server)

    assert answer.events == [Finished(FinishReason.LENGTH, "length")]


async def test_a_call_with_broken_arguments_spoils_a_complete_answer() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "weather", "arguments": '{"place": "Flor'}}
    usage = {"usage": {"prompt_tokens": 5, "completion_tokens": 2}}
    with serving(sse(delta(tool_calls=[call]), finish("tool_calls"), usage, done=True)) as server:
        answer = await answer_of(server)

    assert isinstance(answer.error, Garbled)
    assert answer.error.usage == Usage(fresh_input=5, output=2)


async def test_a_second_choice_is_not_part_of_the_answer() -> None:
    second = {"choices": [{"index": 1, "delta": {"content": "Other"}, "finish_reason": "length"}]}
    with serving(sse(content("Hi"), second, finish("stop"), done=True)) as server:
        answer = await answer_of(server)

    assert answer.text == "Hi"
    assert answer.finished == Finished(FinishReason.STOP, "stop")


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_connection_that_breaks_behind_the_finish_reason_has_lost_only_the_usage(then: str) -> None:
    with serving(sse(content("Hi"), finish("stop")), then=then) as server:
        answer = await answer_of(server)

    assert answer.events == [TextDelta("Hi"), Finished(FinishReason.STOP, "stop")]


async def test_a_connection_that_breaks_behind_a_call_may_have_lost_another() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    with serving(sse(delta(tool_calls=[call]), finish("tool_calls")), then="close") as server:
        answer = await answer_of(server)

    assert isinstance(answer.error, Disconnected)
    assert answer.events == []


async def test_an_end_without_a_finish_reason_is_one_where_the_server_says_done() -> None:
    with serving(sse(content("Hi"), done=True)) as done, serving(sse(content("Hi"))) as not_done:
        whole, cut = await answer_of(done), await answer_of(not_done)

    assert whole.finished == Finished(FinishReason.STOP)
    assert isinstance(cut.error, Garbled)


# --- requests ---------------------------------------------------------------


async def test_a_request_asks_for_its_usage() -> None:
    with serving(sse(finish("stop"), done=True)) as server:
        await answer_of(server)

    (request,) = server.requests
    assert request.startswith(b"POST /v1/chat/completions ")
    assert b"authorization: bearer a-key" in request.lower()
    assert json.loads(request.partition(b"\r\n\r\n")[2]) == {
        "model": "a-model",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_all_that_can_be_asked_is_in_the_request() -> None:
    asked = ChatRequest(
        "a-model",
        (Turn("user", (Text("What is this?"), Image(b"\x89PNG", "image/png"))),),
        system="Be brief.",
        tools=(WEATHER,),
        max_output_tokens=500,
        temperature=0.5,
        reasoning_effort="low",
    )

    wire = to_wire(asked, is_openai=False)

    assert wire["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
            ],
        },
    ]
    assert wire["tools"][0]["function"]["name"] == "weather"
    assert wire["temperature"] == 0.5
    assert wire["reasoning_effort"] == "low"
    assert wire["max_tokens"] == 500


def test_openai_itself_names_the_limit_in_its_own_way() -> None:
    wire = to_wire(ChatRequest("gpt-6-sol", HELLO.turns, max_output_tokens=500), is_openai=True)

    assert wire["max_completion_tokens"] == 500
    assert "max_tokens" not in wire


def test_results_stand_before_what_the_user_adds() -> None:
    turns = (
        *HELLO.turns,
        Turn("assistant", (Text("I'll look."), ToolCall("a", "f", {"n": "ö"}), ToolCall("b", "g", {}))),
        Turn("user", (ToolResult("a", "f", "1"), ToolResult("b", "g", "none", is_error=True), Text("And?"))),
    )

    assert to_wire(ChatRequest("a-model", turns), is_openai=False)["messages"][1:] == [
        {
            "role": "assistant",
            "content": "I'll look.",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"n": "ö"}'}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "Error: none"},
        {"role": "user", "content": "And?"},
    ]


def test_half_a_call_stays_here() -> None:
    turns = (*HELLO.turns, Turn("assistant", (Text("Hm"), ToolCall("a", "f", {}))), Turn("user", (Text("So?"),)))

    assert to_wire(ChatRequest("a-model", turns), is_openai=False)["messages"][1:] == [
        {"role": "assistant", "content": "Hm"},
        {"role": "user", "content": "So?"},
    ]


async def test_deepseek_gets_the_reasoning_behind_its_calls_back() -> None:
    calls = [{"id": "a", "function": {"name": "f"}}, {"id": "b", "function": {"name": "g"}}]
    deltas = (delta(reasoning_content="Hm, "), delta(reasoning_content="so."), delta(tool_calls=calls))
    with serving(sse(*deltas, finish("tool_calls"), done=True)) as server:
        answer = await answer_of(server)

    sent = to_wire(after(*answer.of(ToolCall)), is_openai=False)["messages"][1]

    assert sent["reasoning_content"] == "Hm, so."
    assert sent["content"] is None


async def test_gemini_gets_its_signature_back_with_its_call() -> None:
    extra = {"google": {"thought_signature": "CiQB"}}
    call = {"id": "a", "function": {"name": "f"}, "extra_content": extra}
    with serving(sse(delta(tool_calls=[call]), finish("tool_calls"), done=True)) as server:
        answer = await answer_of(server)

    sent = to_wire(after(*answer.of(ToolCall)), is_openai=False)["messages"][1]

    assert sent["tool_calls"][0]["extra_content"] == extra


def test_the_proof_of_another_model_stays_here() -> None:
    call = ToolCall("a", "f", {}, signature='{"model": "another", "reasoning_content": "Hm."}')

    assert "reasoning_content" not in to_wire(after(call), is_openai=False)["messages"][1]


def test_an_image_of_the_assistant_cannot_be_sent() -> None:
    turns = (Turn("assistant", (Image(b"GIF8", "image/gif"),)), Turn("user", (Text("Whose is it?"),)))

    with pytest.raises(RequestRefused):
        to_wire(ChatRequest("a-model", turns), is_openai=False)


# --- what a server says -----------------------------------------------------


def after(*calls: ToolCall) -> ChatRequest:
    results = tuple(ToolResult(call.id, call.name, "21") for call in calls)
    return ChatRequest(HELLO.model, (*HELLO.turns, Turn("assistant", calls), Turn("user", results)))


async def answer_of(server: Served) -> Collected:
    provider = OpenAIChat(Connection("a-key", f"{server.url}/v1"))
    try:
        return await collect(provider.stream(HELLO))
    finally:
        await provider.aclose()


def sse(*chunks: dict[str, Any], done: bool = False) -> bytes:
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


def content(text: str) -> dict[str, Any]:
    return delta(content=text)


def finish(reason: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
