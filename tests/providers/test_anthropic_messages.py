"""The Messages API against everything real that Anthropic has been heard to say."""

import json
from typing import Any

import pytest

from providers.anthropic_messages import AnthropicMessages
from providers.contract import (
    ChatRequest,
    Connection,
    Finished,
    FinishReason,
    Image,
    Started,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Usage,
)
from providers.errors import (
    ContextTooLong,
    Garbled,
    KeyRejected,
    ModelUnknown,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
)
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

HELLO = ChatRequest("claude-sonnet-5-5", (Turn("user", (Text("Hello"),)),))

ERRORS: dict[str, type[ProviderError]] = {
    "400-credit-balance": QuotaExhausted,
    "400-effort-not-supported": RequestRefused,
    "400-prompt-too-long": ContextTooLong,
    "401-invalid-key": KeyRejected,
    "404-model": ModelUnknown,
    "429-no-retry-after": RateLimited,
    "429-retry-after-4": RateLimited,
    "429-retry-after-65": RateLimited,
    "500-api-error": Overloaded,
    "529-overloaded": Overloaded,
}


async def ask(served: Served, request: ChatRequest = HELLO) -> Collected:
    claude = AnthropicMessages(Connection("sk-test", served.url))
    try:
        return await collect(claude.stream(request))
    finally:
        await claude.aclose()


async def asked(request: ChatRequest) -> dict[str, Any]:
    """The body of the HTTP request that a request of ours becomes."""
    with serving(recording("issue-5942-cache-read").body) as served:
        await ask(served, request)
    body: dict[str, Any] = json.loads(served.requests[0].partition(b"\r\n\r\n")[2])
    return body


# --- answers ----------------------------------------------------------------


@pytest.mark.parametrize("recorded", recordings("anthropic"), ids=str)
async def test_an_answer_says_what_was_recorded_however_it_is_cut(recorded: Recording) -> None:
    body = recorded.body
    for cuts in ([], awkward_cuts(body)):
        with serving(body, cuts=cuts) as served:
            answer = await ask(served)

        assert_says(answer, recorded.expected)


def assert_says(answer: Collected, expected: dict[str, Any]) -> None:
    assert answer.text == expected["text"]
    assert answer.reasoning == expected["reasoning"]
    assert answer.tool_calls == expected["tool_calls"]
    assert answer.citations == [(c["url"], c["title"]) for c in expected["citations"] if c.get("url")]
    assert answer.is_in_order
    if expected["complete"]:
        assert answer.error is None
        assert answer.usage == to_usage(expected["usage"])
        assert answer.finished is not None
        assert answer.finished.raw == expected["finish_reason"]
        assert [started.model for started in answer.of(Started)] == [expected["model"]]
    else:
        assert answer.error is not None
        assert answer.finished is None


def to_usage(expected: dict[str, Any]) -> Usage:
    fresh, read, write = expected["input"], expected["cached"], expected["cache_write"]
    return Usage(fresh, read or 0, write or 0, expected["output"], expected["reasoning"] or 0)


async def test_the_first_event_says_what_the_prompt_has_cost() -> None:
    with serving(recording("issue-5942-cache-write").body) as served:
        answer = await ask(served)

    assert answer.events[0] == Started("claude-sonnet-4-6", Usage(fresh_input=3, cache_write=18639, output=1))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("stop-sequences", FinishReason.STOP),
        ("issue-5942-cache-read", FinishReason.LENGTH),
        ("anthropic-tool-no-args", FinishReason.TOOL_CALLS),
    ],
)
async def test_a_reason_to_stop_is_said_in_our_words(name: str, reason: FinishReason) -> None:
    with serving(recording(name).body) as served:
        answer = await ask(served)

    assert answer.finished is not None
    assert answer.finished.reason is reason


def events(*wire: dict[str, Any]) -> bytes:
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in wire)


BEGINNING = events(
    {"type": "message_start", "message": {"model": "claude", "usage": {"input_tokens": 9, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
)


@pytest.mark.parametrize(
    ("stop_reason", "reason"),
    [("refusal", FinishReason.REFUSED), ("pause_turn", FinishReason.PAUSED), ("never_heard", FinishReason.OTHER)],
)
async def test_rarer_reasons_to_stop(stop_reason: str, reason: FinishReason) -> None:
    ending = events({"type": "message_delta", "delta": {"stop_reason": stop_reason}}, {"type": "message_stop"})
    with serving(BEGINNING + ending) as served:
        answer = await ask(served)

    assert answer.events[-1] == Finished(reason, stop_reason)


async def test_unknown_events_blocks_and_deltas_say_nothing() -> None:
    unknown = events(
        {"type": "weather", "delta": 7},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "hologram", "text": {"a": 1}}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "hologram_delta", "text": "no"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": None},
        {"type": "message_stop"},
    )
    with serving(BEGINNING + unknown) as served:
        answer = await ask(served)

    assert answer.text == "Hi"
    assert answer.usage == Usage(fresh_input=9, output=1)


def tool_call(*pieces: str, stop_reason: str) -> bytes:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return BEGINNING + events(
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "add"}},
        *({"type": "content_block_delta", "index": 1, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": stop_reason}},
        {"type": "message_stop"},
    )


async def test_a_call_cut_off_by_the_length_limit_is_left_out() -> None:
    with serving(tool_call('{"a": 1, "b', stop_reason="max_tokens")) as served:
        answer = await ask(served)

    assert answer.tool_calls == []
    assert answer.events[-1] == Finished(FinishReason.LENGTH, "max_tokens")


@pytest.mark.parametrize("arguments", ['{"a": 1, "b', "[1, 2]", "7"])
async def test_a_call_that_nobody_can_read_is_garbled(arguments: str) -> None:
    with serving(tool_call(arguments, stop_reason="tool_use")) as served:
        answer = await ask(served)

    assert isinstance(answer.error, Garbled)
    assert answer.error.usage == Usage(fresh_input=9, output=1)


# --- refusals ---------------------------------------------------------------


@pytest.mark.parametrize("refused", recorded_errors("anthropic"), ids=str)
async def test_a_refusal_becomes_the_error_it_is(refused: RecordedError) -> None:
    with serving(refused.body, status=refused.status, headers=refused.headers) as served:
        error = (await ask(served)).error

    assert type(error) is ERRORS[str(refused)]
    assert error.status == refused.status
    assert error.detail == refused.expected["error"]["message"]
    wait = refused.expected["retry_after"]
    assert error.retry_after_s == (float(wait) if wait else None)
    assert len(served.requests) == 1


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("overloaded_error", Overloaded),
        ("api_error", Overloaded),
        ("timeout_error", Overloaded),
        ("rate_limit_error", RateLimited),
        ("authentication_error", KeyRejected),
        ("invalid_request_error", RequestRefused),
    ],
)
async def test_an_error_within_a_stream_keeps_what_was_counted(kind: str, expected: type[ProviderError]) -> None:
    with serving(BEGINNING + events({"type": "error", "error": {"type": kind, "message": "Sorry"}})) as served:
        answer = await ask(served)

    assert answer.text == "Hi"
    assert type(answer.error) is expected
    assert answer.error.usage == Usage(fresh_input=9, output=1)


async def test_a_refusal_that_is_no_json_is_told_by_its_status() -> None:
    with serving(b"<html>bad gateway</html>", status=502, headers={"content-type": "text/html"}) as served:
        error = (await ask(served)).error

    assert type(error) is Overloaded
    assert "bad gateway" in error.detail


async def test_a_message_that_is_whole_stays_whole_when_its_connection_breaks() -> None:
    with serving(recording("issue-5942-cache-read").body, then="reset") as served:
        answer = await ask(served)

    assert answer.finished is not None
    assert answer.error is None


# --- requests ---------------------------------------------------------------


async def test_a_plain_request_is_cached_and_shows_its_thinking() -> None:
    body = await asked(ChatRequest("claude-sonnet-5-5", HELLO.turns, system="Be kind", temperature=0.5))

    assert body == {
        "model": "claude-sonnet-5-5",
        "system": "Be kind",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "max_tokens": 128_000,
        "cache_control": {"type": "ephemeral"},
        "thinking": {"type": "adaptive", "display": "summarized"},
        "stream": True,
    }


async def test_a_model_we_do_not_know_gets_what_was_asked_for() -> None:
    body = await asked(ChatRequest("claude-next", HELLO.turns, max_output_tokens=77, temperature=1.5))

    assert body["max_tokens"] == 77
    assert body["temperature"] == 1.0
    assert "thinking" not in body


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("claude-sonnet-5-5", "high", {"thinking": "adaptive", "effort": "high"}),
        ("claude-sonnet-5-5", "none", {"thinking": "disabled", "effort": None}),
        ("claude-opus-5-5", "none", {"thinking": None, "effort": "low"}),
        ("claude-next", "none", {"thinking": None, "effort": None}),
        ("claude-next", "low", {"thinking": "adaptive", "effort": "low"}),
    ],
)
async def test_effort_is_asked_for_as_each_model_takes_it(model: str, effort: Any, expected: dict[str, Any]) -> None:
    body = await asked(ChatRequest(model, HELLO.turns, reasoning_effort=effort))

    assert body.get("thinking", {}).get("type") == expected["thinking"]
    assert body.get("output_config", {}).get("effort") == expected["effort"]


async def test_images_and_tools_are_sent() -> None:
    picture = Turn("user", (Text("What is this?"), Image(b"\x89PNG", "image/png")))
    tool = Tool("add", "Adds", {"type": "object", "properties": {}})

    body = await asked(ChatRequest("claude-sonnet-5-5", (picture,), tools=(tool,)))

    assert body["messages"][0]["content"][1] == {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
    }
    assert body["tools"] == [{"name": "add", "description": "Adds", "input_schema": tool.parameters}]


async def test_thinking_goes_back_in_front_of_its_tool_round() -> None:
    with serving(recording("claude-sonnet-4-thinking-streaming").body) as served:
        (call,) = (await ask(served)).of(ToolCall)
    said = Turn("assistant", (Text("Let me see."), call))
    result = Turn("user", (ToolResult(call.id, call.name, "42"),))

    body = await asked(ChatRequest("claude-sonnet-5-5", (*HELLO.turns, said, result)))

    thinking, words, use = body["messages"][1]["content"]
    assert thinking["type"] == "thinking"
    assert thinking["thinking"] == recording("claude-sonnet-4-thinking-streaming").expected["reasoning"]
    assert thinking["signature"]
    assert words["text"] == "Let me see."
    assert use == {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.arguments)}
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": call.id, "content": "42", "is_error": False}
    ]


async def test_thinking_of_earlier_rounds_and_of_other_companies_stays_at_home() -> None:
    signed = ToolCall("a", "add", {}, signature='[{"type":"thinking","thinking":"hm","signature":"s"}]')
    foreign = ToolCall("b.1", "add", {}, signature="AbC+/=")
    turns = (
        *HELLO.turns,
        Turn("assistant", (signed,)),
        Turn("user", (Text("Next"), ToolResult("a", "add", "1"))),
        Turn("assistant", (foreign,)),
        Turn("user", (ToolResult("b.1", "add", "2", is_error=True),)),
    )

    messages = (await asked(ChatRequest("claude-sonnet-5-5", turns)))["messages"]

    assert [block["type"] for message in messages for block in message["content"]] == [
        "text",
        "tool_use",
        "tool_result",
        "text",
        "tool_use",
        "tool_result",
    ]
    assert messages[4]["content"][0]["tool_use_id"] == messages[3]["content"][0]["id"] == "b_1"


async def test_a_broken_off_answer_is_asked_to_go_on() -> None:
    turns = (*HELLO.turns, Turn("assistant", (Text("Once upon a "),)))

    messages = (await asked(ChatRequest("claude-sonnet-5-5", turns)))["messages"]

    assert messages[-1] == {"role": "user", "content": [{"type": "text", "text": GO_ON}]}


async def test_the_key_goes_where_the_sdk_puts_it() -> None:
    with serving(recording("issue-5942-cache-read").body) as served:
        await ask(served)

    assert served.requests[0].startswith(b"POST /v1/messages HTTP/1.1")
    assert b"authorization: bearer sk-test" in served.requests[0].lower()
