"""The row of a run decides who may end it, and what it has saved becomes the message."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, transaction

from conversations.accounting.ledger import Call, answer_record
from conversations.generating.draft import Draft
from conversations.generating.sweep import sweep_earlier_boots, sweep_silent
from conversations.models import (
    Conversation,
    DraftSegment,
    Generation,
    Part,
    RunInProgress,
    TooManyMessages,
    TooManyRuns,
    UsageRecord,
    checkpoint,
)
from providers.contract import ReasoningDelta, TextDelta
from tests.conversations.rows import MODEL, answered, asked, new_conversation, taken_over

pytestmark = pytest.mark.django_db


def record(generation: Generation, outcome: str = "complete") -> UsageRecord:
    return answer_record(Call(MODEL, sent=40, received=8), generation, outcome)


def text_part(generation: Generation, text: str) -> Part:
    return Part(message=generation.message, index=0, kind="text", text=text)


def segment(generation: Generation, start: int, text: str, part: int = 0, kind: str = "text") -> DraftSegment:
    return DraftSegment(generation=generation, part=part, start=start, kind=kind, text=text)


def test_of_two_finishers_the_first_wins_and_the_second_writes_nothing() -> None:
    generation = asked()
    other = Generation.objects.get(pk=generation.pk)

    assert generation.finish("complete", [text_part(generation, "First.")], [record(generation)])
    assert not other.finish("stopped", [text_part(other, "Second.")], [record(other, "stopped")])
    assert Generation.objects.get(pk=generation.pk).status == "complete"
    assert generation.message.text == "First."
    assert [row.outcome for row in UsageRecord.objects.all()] == ["complete"]


@pytest.mark.parametrize("status", ["complete", "stopped", "interrupted", "failed"])
def test_an_ended_run_never_changes_again(status: str) -> None:
    generation = answered(asked(), status=status)

    assert not generation.request_stop()
    assert not generation.finish("complete", [], [])
    assert not generation.claim_dead([])
    assert checkpoint([generation.pk], [segment(generation, 0, "More.")]) == (set(), set())
    assert generation.message.text == "Because."
    assert not DraftSegment.objects.exists()


def test_a_run_of_another_process_is_not_mine_to_finish_or_to_save() -> None:
    generation = taken_over(asked())

    assert not generation.finish("complete", [text_part(generation, "Mine.")], [record(generation)])
    assert checkpoint([generation.pk], [segment(generation, 0, "Mine.")]) == (set(), set())
    assert not Part.objects.filter(message=generation.message).exists()
    assert not UsageRecord.objects.exists()
    assert not DraftSegment.objects.exists()


def test_a_call_whose_run_was_deleted_is_billed() -> None:
    generation = asked()
    bill = record(generation, "lost")
    generation.conversation.delete()

    assert not generation.finish("interrupted", [], [bill])
    assert [(row.outcome, row.generation_id) for row in UsageRecord.objects.all()] == [("lost", None)]


def test_a_failed_ending_leaves_the_run_active_and_its_segments_where_they_are() -> None:
    generation = asked()
    checkpoint([generation.pk], [segment(generation, 0, "Saved.")])
    twice = [text_part(generation, "One."), text_part(generation, "Two.")]

    with pytest.raises(IntegrityError), transaction.atomic():
        generation.finish("complete", twice, [record(generation)])
    assert Generation.objects.get(pk=generation.pk).is_active
    assert [part.text for part in generation.saved_parts()] == ["Saved."]
    assert not UsageRecord.objects.exists()


# --- checkpoints ------------------------------------------------------------


def test_a_checkpoint_beats_and_hears_who_is_to_stop() -> None:
    first, second = asked(), asked()
    before = Generation.objects.get(pk=first.pk).heartbeat_at
    second.request_stop()
    mine, to_stop = checkpoint([first.pk, second.pk], [segment(first, 0, "Text")])

    assert mine == {first.pk, second.pk}
    assert to_stop == {second.pk}
    beaten = Generation.objects.get(pk=first.pk).heartbeat_at
    assert beaten > before
    assert [part.text for part in first.saved_parts()] == ["Text"]

    assert checkpoint([first.pk, second.pk], [segment(first, 4, " and more")], beats=False) == (mine, to_stop)
    assert Generation.objects.get(pk=first.pk).heartbeat_at == beaten
    assert [part.text for part in first.saved_parts()] == ["Text and more"]


def test_saved_pieces_make_the_text_again() -> None:
    generation, draft, said = asked(), Draft(), ""
    for word in ("Hmm", ". ", "So"):
        draft.fold(ReasoningDelta(word))
        checkpoint([generation.pk], draft.unsaved(generation.pk))
    for number in range(20):
        draft.fold(TextDelta(f"word {number} "))
        said += f"word {number} "
        if number % 3 == 0:
            checkpoint([generation.pk], draft.unsaved(generation.pk))
    checkpoint([generation.pk], draft.unsaved(generation.pk))

    assert [(part.kind, part.text) for part in generation.saved_parts()] == [("reasoning", "Hmm. So"), ("text", said)]


# --- dead runs --------------------------------------------------------------


def test_a_dead_run_becomes_a_message_with_all_it_had_saved() -> None:
    generation = asked()
    checkpoint([generation.pk], [segment(generation, 0, "Half an "), segment(generation, 8, "answer")])
    taken_over(generation)

    assert sweep_earlier_boots() == 1
    generation.refresh_from_db()
    assert generation.status == "interrupted"
    assert generation.message.text == "Half an answer"
    assert not DraftSegment.objects.exists()
    (bill,) = UsageRecord.objects.all()
    assert (bill.outcome, bill.confidence, bill.output) == ("interrupted", "estimated", 4)


def test_a_dead_run_is_claimed_once() -> None:
    generation = taken_over(asked())
    other = Generation.objects.get(pk=generation.pk)

    assert generation.claim_dead([record(generation)])
    assert not other.claim_dead([record(other)])
    assert UsageRecord.objects.count() == 1


def test_a_run_that_beats_again_is_not_claimed() -> None:
    generation = Generation.objects.get(pk=taken_over(asked()).pk)
    Generation.objects.filter(pk=generation.pk).update(heartbeat_at="2020-01-01T00:00:00.001Z")

    assert not generation.claim_dead([record(generation)])
    assert Generation.objects.get(pk=generation.pk).is_active


@pytest.mark.parametrize("fraction", [".000", ".120", ".999"])
def test_a_dead_run_is_claimed_whatever_the_clock_of_the_database_said(fraction: str) -> None:
    generation = taken_over(asked())
    with connection.cursor() as cursor:
        # As SQLite's own clock writes it.
        cursor.execute(f"UPDATE conversations_generation SET heartbeat_at = '2026-01-01 00:00:00{fraction}'")

    assert sweep_earlier_boots() == 1
    assert not Generation.objects.get(pk=generation.pk).is_active


def test_only_silent_runs_are_swept() -> None:
    beating, silent = asked(), asked()
    Generation.objects.filter(pk=silent.pk).update(heartbeat_at="2020-01-01T00:00:00Z")

    assert sweep_silent() == 1
    assert Generation.objects.get(pk=beating.pk).is_active
    assert Generation.objects.get(pk=silent.pk).status == "interrupted"


def test_runs_of_this_process_survive_its_start() -> None:
    generation = asked()

    assert sweep_earlier_boots() == 0
    assert Generation.objects.get(pk=generation.pk).is_active


# --- continue ---------------------------------------------------------------


def test_continue_saves_only_what_is_new_and_folds_it_behind_what_was_there() -> None:
    generation = answered(asked(), "Half an ", status="interrupted")
    more = generation.conversation.resume_partial(generation.message)
    draft = Draft(list(more.message.parts.all()))
    draft.fold(TextDelta("answer, and a long one."))
    rows = draft.unsaved(more.pk)
    checkpoint([more.pk], rows)

    assert [(row.start, row.text) for row in rows] == [(8, "answer, and a long one.")]
    assert [part.text for part in more.saved_parts()] == ["Half an answer, and a long one."]
    assert sweep_of(more) == "Half an answer, and a long one."


def sweep_of(generation: Generation) -> str:
    """The message after the process of `generation` has gone."""
    taken_over(generation)
    sweep_earlier_boots()
    generation.message.refresh_from_db()
    return generation.message.text


def test_continue_that_dies_again_bills_only_what_it_wrote_itself() -> None:
    generation = answered(asked(), "x" * 400, status="interrupted")
    more = generation.conversation.resume_partial(generation.message)
    checkpoint([more.pk], [segment(more, 400, "y" * 40)])
    sweep_of(more)

    assert UsageRecord.objects.get(generation=more).output == 10


# --- one run per conversation -----------------------------------------------


def test_a_conversation_has_one_active_run() -> None:
    generation = asked()
    conversation = generation.conversation
    answer = generation.message

    for begin in (
        lambda: conversation.post(text="More?", model=MODEL, client_key="k"),
        lambda: conversation.edit(answer.parent, text="Else?", model=MODEL, client_key="l"),
        lambda: conversation.regenerate(answer, model=MODEL),
        lambda: conversation.resume_partial(answer),
    ):
        with pytest.raises(RunInProgress):
            begin()
    assert conversation.messages.count() == 2


def test_the_database_itself_refuses_a_second_active_run() -> None:
    generation = asked()

    with pytest.raises(IntegrityError), transaction.atomic():
        Generation.objects.create(conversation=generation.conversation, message=generation.message, model=MODEL)


def test_a_key_posts_once_per_conversation() -> None:
    conversation = new_conversation()
    first = conversation.post(text="Why?", model=MODEL, client_key="key")

    assert first
    assert conversation.post(text="Why?", model=MODEL, client_key="key") is None
    answered(first)
    assert conversation.post(text="Why?", model=MODEL, client_key="key") is None
    assert conversation.messages.count() == 2
    assert new_conversation().post(text="Why?", model=MODEL, client_key="key")


@pytest.mark.parametrize("limit", ["RUNS_PER_USER", "MESSAGES_PER_MINUTE"])
def test_what_has_been_posted_is_not_refused_when_it_comes_again(settings: Any, limit: str) -> None:
    setattr(settings, limit, 1)
    owner = get_user_model().objects.create(username="alice")
    new = {"owner_id": owner.pk, "text": "Why?", "model": MODEL, "client_key": "key"}
    first, generation = Conversation.begin(**new)

    assert generation
    assert Conversation.begin(**new) == (first, None)
    with pytest.raises((TooManyRuns, TooManyMessages)):
        Conversation.begin(**new | {"client_key": "another"})
    assert Conversation.objects.count() == 1
