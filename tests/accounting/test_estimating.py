"""Estimates: learned from what was reported, used where nothing was; docs/estimates.md says how well."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.accounting.estimating import (
    Sample,
    estimated_tokens,
    families_of,
    forget_ratios,
    learn_ratios,
    learn_when_due,
    ratios_from,
)
from conversations.accounting.ledger import Call, record_of
from conversations.models import TokenRatio, UsageRecord
from providers.contract import Usage
from tests import estimates_table
from tests.conversations.rows import new_conversation

pytestmark = pytest.mark.django_db


def reported(model: str, sent: int, received: int, usage: Usage) -> UsageRecord:
    record = record_of(Call(model, sent, received, reported=usage), new_conversation(), "complete")
    UsageRecord.book([record])
    return record


def ratios() -> dict[tuple[str, str], float]:
    return {(learned.family, learned.side): learned.ratio for learned in TokenRatio.objects.all()}


@pytest.mark.parametrize(
    ("model", "families"),
    [
        ("openai:gpt-5.5", ("openai:gpt-5.5", "openai:gpt*", "openai:*")),
        ("openai:o4-mini", ("openai:o4-mini", "openai:o*", "openai:*")),
        ("router:us.anthropic.Claude-Opus", ("router:us.anthropic.claude-opus", "router:claude*", "router:*")),
        ("router:deepseek/deepseek-chat", ("router:deepseek/deepseek-chat", "router:deepseek*", "router:*")),
        ("ollama:qwen3:8b", ("ollama:qwen3:8b", "ollama:qwen*", "ollama:*")),
        ("sim:7", ("sim:7", "sim:*")),
    ],
)
def test_a_model_has_a_family_and_a_provider(model: str, families: tuple[str, ...]) -> None:
    assert families_of(model) == families


def test_ratios_are_learned_for_both_sides_of_a_model_its_family_and_its_provider() -> None:
    reported("openai:gpt-5", 3_000, 1_000, Usage(fresh_input=500, cache_read=100, output=300))
    reported("openai:gpt-5", 1_000, 3_000, Usage(fresh_input=200, output=700))

    learn_ratios()

    known = dict.fromkeys([("openai:gpt-5", "input"), ("openai:gpt*", "input"), ("openai:*", "input")], 0.2)
    known |= dict.fromkeys([("openai:gpt-5", "output"), ("openai:gpt*", "output"), ("openai:*", "output")], 0.25)
    assert ratios() == known


def test_the_narrowest_ratio_that_is_known_is_used() -> None:
    for family, ratio in (("a:*", 0.1), ("a:b*", 0.2), ("a:b-1", 0.3)):
        TokenRatio.objects.create(family=family, side="output", ratio=ratio, rows=1, median_error=0)

    assert [estimated_tokens(model, 100, "output") for model in ("a:b-1", "a:b-2", "a:c", "z:z")] == [30, 20, 10, 25]
    assert estimated_tokens("a:b-1", 100, "input") == 25


def test_calls_without_reasoning_teach_when_there_are_any() -> None:
    plain = Sample("a:b", "output", 2_000, 400)
    thinking = Sample("a:b", "output", 2_000, 1_600, hidden=1_200)

    assert ratios_from([plain, thinking])["a:b", "output"].ratio == 0.2
    assert ratios_from([thinking])["a:b", "output"].ratio == 0.8


def test_a_short_text_teaches_nothing() -> None:
    assert ratios_from([Sample("a:b", "output", 999, 400)]) == {}


@pytest.mark.parametrize(
    "call",
    [
        Call("a:b", 2_000, 2_000),
        Call("a:b", 2_000, 2_000, so_far=Usage(500, output=500)),
        Call("a:b", 2_000, 2_000, cached=Usage(500, output=500)),
        Call("a:b", 2_000, 2_000, refused=True),
        Call("a:b", 2_000, 2_000, reported=Usage(fresh_input=5_000, output=5_000)),
    ],
)
def test_only_reported_text_teaches(call: Call) -> None:
    UsageRecord.book([record_of(call, new_conversation(), "complete")])

    assert learn_ratios() == 0


def test_corrections_teach_nothing() -> None:
    record = reported("a:b", 2_000, 2_000, Usage(fresh_input=500, output=500))
    UsageRecord.book(
        [
            UsageRecord(
                corrects=record,
                user_key=1,
                conversation_key=record.conversation_key,
                provider="a",
                model_asked="a:b",
                purpose="answer",
                outcome="complete",
                confidence="reported",
                cost_usd=Decimal(1),
                **dict.fromkeys(("fresh_input", "cache_read", "cache_write", "output", "reasoning"), 0),
            )
        ]
    )
    learn_ratios()

    assert {learned.rows for learned in TokenRatio.objects.all()} == {1}


def test_they_are_learned_once_a_day_and_anew() -> None:
    reported("a:b", 2_000, 2_000, Usage(fresh_input=500, output=500))
    learn_when_due()
    reported("a:b", 2_000, 2_000, Usage(fresh_input=1_000, output=500))
    learn_when_due()
    assert ratios()["a:b", "input"] == 0.25

    TokenRatio.objects.update(learned_at="2026-01-01T00:00:00Z")
    learn_when_due()
    assert ratios()["a:b", "input"] == 0.375


def test_reading_them_costs_one_query_a_minute() -> None:
    forget_ratios()
    with CaptureQueriesContext(connection) as captured:
        for _ in range(50):
            estimated_tokens("openai:gpt-5.5", 100, "output")

    assert len(captured) == 1


@settings(deadline=None, print_blob=True)
@given(st.integers(0, 10**9), st.floats(0.001, 5))
def test_an_estimate_grows_with_the_text_and_is_never_below_its_ratio(characters: int, ratio: float) -> None:
    tokens = estimates_table.tokens_at(ratio, characters)

    assert tokens >= characters * ratio - 1e-3
    assert tokens < characters * ratio + 1.001
    assert (tokens == 0) == (characters == 0)


def test_a_stopped_answer_is_estimated_as_its_family_has_taught(settings: Any) -> None:
    reported("openai:gpt-5-mini", 2_000, 4_000, Usage(fresh_input=400, output=800))
    learn_ratios()

    record = record_of(Call("openai:gpt-5", sent=1_000, received=500), new_conversation(), "stopped")

    assert (record.fresh_input, record.output, record.confidence) == (200, 100, "estimated")
    assert record.cost_usd


def test_the_documented_errors_are_what_the_recordings_say() -> None:
    assert estimates_table.documented() == estimates_table.table()
