"""What a call used: as reported, or estimated where it was cut short; an unknown price is no price."""

from decimal import Decimal

import pytest

from conversations.accounting.ledger import Call, record_of, usage_of
from conversations.models import UsageRecord
from providers.contract import Usage
from providers.errors import Disconnected, KeyRejected, ProviderError, RateLimited
from tests.conversations.rows import new_conversation

pytestmark = pytest.mark.django_db


def test_a_final_report_is_taken_as_it_is() -> None:
    reported = Usage(fresh_input=10, cache_read=20, cache_write=5, output=7, reasoning=3)

    assert usage_of(Call("openai:x", 400, 400, reported=reported, so_far=Usage(1))) == (reported, "reported")


def test_without_any_report_both_sides_are_estimated_from_the_text() -> None:
    assert usage_of(Call("openai:x", sent=41, received=9)) == (Usage(fresh_input=11, output=3), "estimated")


def test_what_was_counted_at_the_start_is_kept_and_the_rest_estimated() -> None:
    call = Call("anthropic:x", sent=400, received=100, so_far=Usage(fresh_input=90, cache_read=10, output=1))

    assert usage_of(call) == (Usage(fresh_input=90, cache_read=10, output=25), "partial")


def test_a_call_without_an_answer_is_not_free() -> None:
    usage, _ = usage_of(Call("openai:x", sent=400))

    assert usage == Usage(fresh_input=100)


def test_where_there_is_neither_a_report_nor_a_text_nothing_is_known() -> None:
    record = record_of(Call("openai:gpt-5-mini"), new_conversation(), "stopped")

    assert (record.confidence, record.fresh_input, record.output, record.cost_usd) == ("unknown", None, None, None)


def unsent() -> Disconnected:
    error = Disconnected("nobody there")
    error.sent = False
    return error


@pytest.mark.parametrize("error", [RateLimited(status=429), KeyRejected("no key is set"), unsent()], ids=repr)
def test_a_request_that_was_turned_away_costs_nothing(error: ProviderError) -> None:
    call = Call("openai:gpt-5-mini", sent=400)
    call.failed(error)
    record = record_of(call, new_conversation(), error.kind)

    assert (record.confidence, record.fresh_input, record.cost_usd) == ("reported", 0, 0)


def test_a_request_whose_answer_never_came_may_cost_its_input() -> None:
    call = Call("openai:x", sent=400)
    call.failed(Disconnected("it broke"))

    assert usage_of(call) == (Usage(fresh_input=100), "estimated")


def test_what_was_counted_before_an_answer_broke_is_no_final_count() -> None:
    call = Call("anthropic:x", sent=400, received=4_000, model_answered="x")
    call.failed(Disconnected("it broke", usage=Usage(fresh_input=90, output=1)))

    assert usage_of(call) == (Usage(fresh_input=90, output=1_000), "partial")


def test_an_unknown_price_is_none_and_never_zero() -> None:
    record = record_of(Call("sim:nobody-knows", reported=Usage(10, output=5)), new_conversation(), "complete")

    assert (record.price, record.cost_usd) == (None, None)


def test_a_known_price_is_written_down_with_the_cost_and_its_source() -> None:
    call = Call("openai:gpt-5-mini", reported=Usage(fresh_input=1_000_000, output=0))
    record = record_of(call, new_conversation(), "complete")
    UsageRecord.book([record])
    record.refresh_from_db()

    assert record.cost_usd
    assert Decimal(record.price["fresh_input"]) == record.cost_usd
    assert record.price["source"].startswith("genai-prices ")
    assert record.price["as_of"] == record.created_at.date().isoformat()


def test_an_answer_from_the_cache_is_free_and_says_what_it_saved() -> None:
    call = Call("openai:gpt-5-mini", cached=Usage(fresh_input=1_000_000))
    record = record_of(call, new_conversation(), "complete")

    assert (record.cost_usd, record.saved_usd) == (0, Decimal(record.price["fresh_input"]))


@pytest.mark.parametrize("usage", [Usage(output=1, reasoning=5), Usage(fresh_input=10**12), Usage(fresh_input=-5)])
def test_odd_counts_can_be_stored(usage: Usage) -> None:
    call = Call("openai:gpt-5-mini", model_answered="m" * 500, reported=usage)
    UsageRecord.book([record_of(call, new_conversation(), "complete")])

    (row,) = UsageRecord.objects.all()
    assert row.reasoning <= row.output
    assert 0 <= row.fresh_input < 2**31
    assert len(row.model_answered) == 200


def test_a_row_outlives_its_conversation_and_its_owner() -> None:
    conversation = new_conversation()
    owner, key = conversation.owner, conversation.pk
    UsageRecord.book([record_of(Call("openai:x"), conversation, "complete")])
    user_key = owner.pk
    owner.delete()

    assert [(row.user_key, row.conversation_key) for row in UsageRecord.objects.all()] == [(user_key, key)]
