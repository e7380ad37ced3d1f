"""The four normalisers of token counts: the classes add up to what was sent, none overlaps, none is negative."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.anthropic_messages import stream as anthropic
from providers.contract import Usage
from providers.google_generate_content import stream as google
from providers.openai_chat import usage as openai_chat
from providers.openai_responses import usage as openai_responses
from tests.providers.recordings import Recording, recordings

type Wire = dict[str, Any]

thorough = settings(max_examples=150, deadline=None, print_blob=True)
counts = st.one_of(st.integers(-5, 50), st.integers(-(2**40), 2**40), st.none())


def objects(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Wire]:
    """Objects in which each member may be missing."""
    return st.fixed_dictionaries({}, optional=members)


def named(*names: str) -> dict[str, st.SearchStrategy[Any]]:
    return dict.fromkeys(names, counts)


def with_nothing(members: st.SearchStrategy[Wire]) -> st.SearchStrategy[Wire | None]:
    return st.one_of(st.none(), members)


details_in = with_nothing(objects(**named("cached_tokens", "cache_write_tokens")))
details_out = with_nothing(objects(**named("reasoning_tokens")))

WIRES: dict[str, st.SearchStrategy[Wire]] = {
    "openai_responses": objects(
        **named("input_tokens", "output_tokens", "total_tokens"),
        input_tokens_details=details_in,
        output_tokens_details=details_out,
    ),
    "openai_chat": objects(
        **named("prompt_tokens", "completion_tokens", "total_tokens", "prompt_cache_hit_tokens"),
        prompt_tokens_details=details_in,
        completion_tokens_details=details_out,
    ),
    "anthropic": objects(
        **named("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens"),
        output_tokens_details=with_nothing(objects(**named("thinking_tokens"))),
        service_tier=st.text(max_size=3),
    ),
    "google": objects(
        **named(*(f"{name}TokenCount" for name in ("prompt", "toolUsePrompt", "cachedContent", "candidates"))),
        **named("thoughtsTokenCount", "totalTokenCount"),
        promptTokensDetails=st.just([{"modality": "TEXT", "tokenCount": 3}]),
    ),
}


# --- as each adapter reads it -----------------------------------------------


def of_openai_responses(wire: Wire) -> Usage | None:
    return openai_responses.to_usage(msgspec.convert(wire, openai_responses.WireUsage))


def of_openai_chat(wire: Wire) -> Usage | None:
    return openai_chat.to_usage(msgspec.convert(wire, openai_chat.WireUsage))


def of_anthropic(wire: Wire) -> Usage | None:
    message = anthropic.Answer()
    list(message.read(json.dumps({"type": "message_delta", "delta": {}, "usage": wire}).encode()))
    return message.usage


def of_google(wire: Wire) -> Usage | None:
    answer = google.Answer()
    list(answer.read(json.dumps({"usageMetadata": wire}).encode()))
    return answer.usage


NORMALISERS: dict[str, Callable[[Wire], Usage | None]] = {
    "openai_responses": of_openai_responses,
    "openai_chat": of_openai_chat,
    "anthropic": of_anthropic,
    "google": of_google,
}


# --- what was sent, by the company's own way of counting ---------------------


def sent(api: str, wire: Wire) -> int:
    names = {
        "openai_responses": ["input_tokens"],
        "openai_chat": ["prompt_tokens"],
        "anthropic": ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"],
        "google": ["promptTokenCount", "toolUsePromptTokenCount"],
    }[api]
    return sum(max(0, wire.get(name) or 0) for name in names)


def assert_adds_up(usage: Usage, api: str, wire: Wire) -> None:
    assert usage.fresh_input + usage.cache_read + usage.cache_write == usage.input == sent(api, wire)
    assert min(usage.fresh_input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning) >= 0
    assert usage.reasoning <= usage.output


@pytest.mark.parametrize("api", WIRES)
def test_whatever_a_server_counts_adds_up(api: str) -> None:
    @thorough
    @given(WIRES[api])
    def holds(wire: Wire) -> None:
        usage = NORMALISERS[api](wire)
        if usage is not None:
            assert_adds_up(usage, api, wire)

    holds()


@pytest.mark.parametrize("api", ["anthropic", "google"])
def test_counts_that_are_no_numbers_are_passed_over(api: str) -> None:
    anything = st.recursive(
        st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=2),
    )

    @thorough
    @given(WIRES[api], st.dictionaries(st.sampled_from(["input_tokens", "promptTokenCount", "odd"]), anything))
    def holds(wire: Wire, odd: Wire) -> None:
        usage = NORMALISERS[api](wire | odd)
        if usage is not None:
            assert_adds_up(usage, api, {name: count for name, count in (wire | odd).items() if type(count) is int})

    holds()


@pytest.mark.parametrize(
    "recorded", [recorded for api in WIRES for recorded in recordings(api) if recorded.expected["usage_raw"]], ids=str
)
def test_what_real_servers_have_counted_adds_up(recorded: Recording) -> None:
    api, wire = recorded.name.split("/")[0], recorded.expected["usage_raw"]
    usage = NORMALISERS[api](wire)

    assert usage is not None
    assert_adds_up(usage, api, wire)
