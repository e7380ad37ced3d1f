"""What a call used: as reported, or estimated where it was cut short; an unknown price is no price."""

from decimal import Decimal

import pytest

from conversations.accounting.ledger import Call, record_of, usage_of
from conversations.models import UsageRecord
from providers.contract import Usage
from tests.conversations.rows import new_conversation


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

    assert (usage.fresh_input, usage.output) == (100, 0)


@pytest.mark.django_db
def test_an_unknown_price_is_none_and_never_zero() -> None:
    record = record_of(Call("sim:nobody-knows", reported=Usage(10, output=5)), new_conversation(), "complete")

    assert (record.price, record.cost_usd) == (None, None)


@pytest.mark.django_db
def test_a_known_price_is_written_down_with_the_cost() -> None:
    call = Call("openai:gpt-5-mini", reported=Usage(fresh_input=1_000_000, output=0))
    record = record_of(call, new_conversation(), "complete")
    record.save(force_insert=True)
    record.refresh_from_db()

    assert record.cost_usd
    assert Decimal(record.price["fresh_input"]) == record.cost_usd


@pytest.mark.django_db
@pytest.mark.parametrize("usage", [Usage(output=1, reasoning=5), Usage(fresh_input=10**12), Usage(fresh_input=-5)])
def test_odd_counts_can_be_stored(usage: Usage) -> None:
    call = Call("openai:gpt-5-mini", model_answered="m" * 500, reported=usage)
    record_of(call, new_conversation(), "complete").save(force_insert=True)

    (row,) = UsageRecord.objects.all()
    assert row.reasoning <= row.output
    assert 0 <= row.fresh_input < 2**31
    assert len(row.model_answered) == 200


@pytest.mark.django_db
def test_a_row_outlives_its_conversation_and_its_owner() -> None:
    conversation = new_conversation()
    owner, key = conversation.owner, conversation.pk
    record_of(Call("openai:x"), conversation, "complete").save(force_insert=True)
    user_key = owner.pk
    owner.delete()

    assert [(row.user_key, row.conversation_key) for row in UsageRecord.objects.all()] == [(user_key, key)]
