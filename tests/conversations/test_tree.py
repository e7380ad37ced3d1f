"""A conversation is a tree of which one branch is shown."""

from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.http import Http404

from conversations.access import branch_of
from conversations.models import Conversation, Message
from tests.conversations.rows import MODEL, answered, asked, new_conversation

pytestmark = pytest.mark.django_db


def texts(conversation: Conversation) -> list[str]:
    conversation.refresh_from_db()
    return [message.text for message in conversation.branch()]


def versions(conversation: Conversation) -> list[str]:
    return [f"{message.sibling_number}/{message.sibling_count}" for message in conversation.branch()]


def test_questions_and_answers_follow_each_other() -> None:
    conversation = new_conversation()
    answered(asked(conversation, "One?"), "One.")
    answered(asked(conversation, "Two?"), "Two.")

    assert texts(conversation) == ["One?", "One.", "Two?", "Two."]
    assert [message.text for message in conversation.branch(last=3)] == ["One.", "Two?", "Two."]
    assert [message.text for message in conversation.branch(before=conversation.branch()[2])] == ["One?", "One."]


def test_a_page_of_a_conversation_that_is_deleted_meanwhile_does_not_exist() -> None:
    conversation = new_conversation()
    answered(asked(conversation, "One?"), "One.")
    conversation.refresh_from_db()
    Conversation.objects.get(pk=conversation.pk).delete()

    with pytest.raises(Http404):
        branch_of(conversation)


def test_an_edited_question_begins_a_branch_of_its_own() -> None:
    conversation = new_conversation()
    answered(asked(conversation, "One?"), "One.")
    answered(asked(conversation, "Two?"), "Two.")
    first = conversation.branch()[0]
    other = conversation.edit(first, text="Uno?", model=MODEL, client_key="other")
    assert other
    answered(other, "Uno.")

    assert texts(conversation) == ["Uno?", "Uno."]
    assert versions(conversation) == ["2/2", "1/1"]
    conversation.choose(first)
    assert texts(conversation) == ["One?", "One.", "Two?", "Two."]


def test_a_regenerated_answer_stands_beside_the_old_one() -> None:
    conversation = new_conversation()
    old = answered(asked(conversation, "One?"), "One.").message
    answered(conversation.regenerate(old, model=MODEL), "Another.")

    assert texts(conversation) == ["One?", "Another."]
    shown = conversation.branch()[-1]
    assert (shown.previous_sibling_id, shown.next_sibling_id) == (old.pk, None)


def test_choosing_shows_the_latest_that_followed() -> None:
    conversation = new_conversation()
    old = answered(asked(conversation, "One?"), "One.").message
    answered(asked(conversation, "Two?"), "Two.")
    answered(conversation.regenerate(old, model=MODEL), "Another.")
    conversation.choose(old)

    assert texts(conversation)[-1] == "Two."


def test_a_branch_takes_the_same_queries_whatever_its_length(django_assert_num_queries: object) -> None:
    conversation = new_conversation()
    for number in range(30):
        answered(asked(conversation, f"{number}?"), f"{number}.")

    with django_assert_num_queries(5):  # type: ignore[operator]
        for message in conversation.branch():
            assert message.text
            assert message.sibling_count == 1
            assert message.run is None or message.usage


def test_a_title_comes_from_the_first_words() -> None:
    conversation = new_conversation()
    asked(conversation, "How  do\nI boil " + "an egg " * 20)
    conversation.refresh_from_db()

    assert conversation.title == "How do I boil an egg an egg an egg an egg an egg an egg an…"


def test_deleting_the_shown_leaf_leaves_the_conversation_readable() -> None:
    conversation = new_conversation()
    leaf = answered(asked(conversation), "One.").message
    Message.objects.filter(pk=leaf.pk).delete()

    assert texts(conversation) == []


@pytest.mark.parametrize("place", range(8))
def test_an_answer_that_ends_while_it_is_read_is_never_shown_as_ended_and_empty(place: int) -> None:
    """A branch is read in several queries; the run ends before the one at `place`."""
    conversation = new_conversation()
    generation, seen = asked(conversation), count()

    def ending(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if next(seen) == place:
            answered(generation)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(ending):
        answer = conversation.branch()[-1]

    assert answer.run
    assert answer.run.is_active or answer.text == "Because."
