"""What the simulator sends is read by the companies' own SDKs."""

import asyncio
from typing import Any

import pytest

from tests.simulator import SimulatorClient

CALLS: list[dict[str, Any]] = [
    {"name": "get_weather", "arguments": {"city": "Lund", "days": [1, 2]}},
    {"name": "get_time"},
]
FULL: dict[str, Any] = {
    "text": "Hällo wörld 🦋, how are you?",
    "reasoning": "Let me think about that.",
    "tool_calls": CALLS,
    "tokens_per_s": 0,
    "token_chars": [1, 9],
    "usage": {"fresh_input": 100, "cache_read": 40, "cache_write": 2, "output": 30, "reasoning": 12},
}


@pytest.fixture
def full(simulator: SimulatorClient) -> SimulatorClient:
    simulator.script("gpt-x", FULL)
    return simulator


async def test_openai_responses_reads_text_reasoning_calls_and_usage(full: SimulatorClient, openai: Any) -> None:
    reasoning = text = ""
    async with await openai.responses.create(model="gpt-x", input="Hello", stream=True) as events:
        async for event in events:
            if event.type == "response.reasoning_summary_text.delta":
                reasoning += event.delta
            if event.type == "response.output_text.delta":
                text += event.delta

    final = event.response
    assert (reasoning, text, final.output_text) == (FULL["reasoning"], FULL["text"], FULL["text"])
    assert [(item.name, item.arguments) for item in final.output if item.type == "function_call"] == [
        ("get_weather", '{"city":"Lund","days":[1,2]}'),
        ("get_time", "{}"),
    ]
    assert (final.status, final.usage.input_tokens, final.usage.output_tokens) == ("completed", 142, 30)
    assert (final.usage.input_tokens_details.cached_tokens, final.usage.input_tokens_details.cache_write_tokens) == (
        40,
        2,
    )
    assert final.usage.output_tokens_details.reasoning_tokens == 12


async def test_openai_responses_says_why_it_is_incomplete(simulator: SimulatorClient, openai: Any) -> None:
    simulator.script("gpt-x", {"text": "Half", "finish": "length", "tokens_per_s": 0})

    async with await openai.responses.create(model="gpt-x", input="Hello", stream=True) as events:
        types = [event.type async for event in events]

    assert types[-1] == "response.incomplete"
    assert "response.completed" not in types


async def test_openai_chat_reads_text_reasoning_calls_and_usage(full: SimulatorClient, openai: Any) -> None:
    options = {"include_usage": True}
    messages = [{"role": "user", "content": "Hello"}]
    async with await openai.chat.completions.create(
        model="gpt-x", messages=messages, stream=True, stream_options=options
    ) as stream:
        chunks = [chunk async for chunk in stream]

    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    arguments = ["", ""]
    for choice in choices:
        for call in choice.delta.tool_calls or ():
            arguments[call.index] += call.function.arguments
    assert "".join(choice.delta.content or "" for choice in choices) == FULL["text"]
    assert "".join(getattr(choice.delta, "reasoning_content", "") for choice in choices) == FULL["reasoning"]
    assert arguments == ['{"city":"Lund","days":[1,2]}', "{}"]
    assert choices[-1].finish_reason == "tool_calls"
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    usage = chunks[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.prompt_tokens_details.cached_tokens) == (142, 30, 40)


async def test_openai_chat_reports_no_usage_to_who_did_not_ask(full: SimulatorClient, openai: Any) -> None:
    messages = [{"role": "user", "content": "Hello"}]
    async with await openai.chat.completions.create(model="gpt-x", messages=messages, stream=True) as stream:
        chunks = [chunk async for chunk in stream]

    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


async def test_anthropic_reads_text_reasoning_calls_and_usage(full: SimulatorClient, anthropic: Any) -> None:
    messages = [{"role": "user", "content": "Hello"}]
    async with anthropic.messages.stream(model="gpt-x", max_tokens=100, messages=messages) as stream:
        message = await stream.get_final_message()

    thinking, text, *calls = message.content
    assert (thinking.thinking, text.text) == (FULL["reasoning"], FULL["text"])
    assert [(call.name, call.input) for call in calls] == [("get_weather", CALLS[0]["arguments"]), ("get_time", {})]
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("tool_use", 100, 30)
    assert (message.usage.cache_read_input_tokens, message.usage.cache_creation_input_tokens) == (40, 2)


async def test_google_reads_text_reasoning_calls_and_usage(full: SimulatorClient, google: Any) -> None:
    chunks = [chunk async for chunk in await google.models.generate_content_stream(model="gpt-x", contents="Hello")]

    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    calls = [part.function_call for part in parts if part.function_call]
    assert "".join(part.text for part in parts if part.text and part.thought) == FULL["reasoning"]
    assert "".join(part.text for part in parts if part.text and not part.thought) == FULL["text"]
    assert [(call.name, call.args) for call in calls] == [("get_weather", CALLS[0]["arguments"]), ("get_time", {})]
    assert chunks[-1].candidates[0].finish_reason == "STOP"
    usage = chunks[-1].usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count) == (142, 18, 12)
    assert (usage.cached_content_token_count, usage.total_token_count) == (40, 172)


async def test_google_counts_up_in_every_chunk(simulator: SimulatorClient, google: Any) -> None:
    simulator.script("gpt-x", {"text": "123456789", "token_chars": [3, 3], "tokens_per_s": 0})

    chunks = [chunk async for chunk in await google.models.generate_content_stream(model="gpt-x", contents="Hello")]

    assert [chunk.usage_metadata.candidates_token_count for chunk in chunks] == [1, 2, 3, 3]


async def test_every_sdk_lists_the_models(openai: Any, anthropic: Any, google: Any) -> None:
    listed = [
        [model.id async for model in openai.models.list()],
        [model.id async for model in anthropic.models.list()],
        [model.name.removeprefix("models/") async for model in await google.models.list()],
    ]

    assert listed[0] == listed[1] == listed[2]
    assert "sim-reasoning" in listed[0]


async def test_refusals_have_the_form_the_sdks_know(
    simulator: SimulatorClient, openai: Any, anthropic: Any, google: Any
) -> None:
    from anthropic import InternalServerError
    from google.genai.errors import ServerError
    from openai import RateLimitError

    simulator.script("busy", {"status": 429, "headers": {"retry-after": "7"}})
    simulator.script("over", {"status": 529})
    simulator.script("down", {"status": 503})
    messages = [{"role": "user", "content": "Hello"}]

    with pytest.raises(RateLimitError) as busy:
        await openai.responses.create(model="busy", input="Hello", stream=True)
    with pytest.raises(InternalServerError) as over:
        await anthropic.messages.create(model="over", max_tokens=9, messages=messages, stream=True)
    with pytest.raises(ServerError) as down:
        await anext(await google.models.generate_content_stream(model="down", contents="Hello"))

    assert (busy.value.code, busy.value.response.headers["retry-after"]) == ("rate_limit_exceeded", "7")
    assert over.value.type == "overloaded_error"
    assert (down.value.code, down.value.status) == (503, "UNAVAILABLE")


async def test_errors_within_a_stream_have_the_form_the_sdks_know(
    simulator: SimulatorClient, openai: Any, anthropic: Any, google: Any
) -> None:
    from anthropic import APIStatusError
    from google.genai.errors import ServerError
    from openai import APIError

    simulator.script("gpt-x", {"text": "0123456789", "tokens_per_s": 0, "fault": {"kind": "error", "after_chars": 5}})
    messages = [{"role": "user", "content": "Hello"}]

    async with await openai.chat.completions.create(model="gpt-x", messages=messages, stream=True) as stream:
        with pytest.raises(APIError, match="overloaded"):
            [chunk async for chunk in stream]
    async with await openai.responses.create(model="gpt-x", input="Hello", stream=True) as stream:
        with pytest.raises(APIError, match="overloaded"):
            [event async for event in stream]
    async with await anthropic.messages.create(model="gpt-x", max_tokens=9, messages=messages, stream=True) as stream:
        with pytest.raises(APIStatusError) as overloaded:
            [event async for event in stream]
    with pytest.raises(ServerError):
        [chunk async for chunk in await google.models.generate_content_stream(model="gpt-x", contents="Hello")]

    assert overloaded.value.type == "overloaded_error"
    assert {seen.sent_text for seen in simulator.requests()} == {"01234"}


async def test_a_cancelled_sdk_call_is_seen_to_go(simulator: SimulatorClient, openai: Any) -> None:
    simulator.script("gpt-x", {"fault": {"kind": "stall", "after_chars": 8}})

    async def read() -> None:
        async with await openai.responses.create(model="gpt-x", input="Hello", stream=True) as events:
            async for _ in events:
                pass

    reading = asyncio.create_task(read())
    await asyncio.to_thread(simulator.wait_for, lambda seen: seen.state == "stalled")
    cancelled_at = asyncio.get_running_loop().time()
    reading.cancel()
    gone = await asyncio.to_thread(simulator.wait_for, lambda seen: seen.client_gone_at)

    assert gone.client_gone_at is not None
    assert gone.client_gone_at - cancelled_at < 0.05
