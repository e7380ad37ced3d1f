from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from conversations.exporting.preview import preview
from conversations.exporting.selection import Selection
from conversations.models import Conversation
from tests.conversations.rows import answered, asked, new_conversation
from tests.exporting.exported import branched, person

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
DAY = timedelta(days=1)


def found(**filters: object) -> set[object]:
    return set(Selection(**filters).found().values_list("pk", flat=True))


def of_days(conversation: Conversation, first_ago: int, last_ago: int) -> Conversation:
    """Going on from so many days ago to so many days ago."""
    now = timezone.now()
    times = {"created_at": now - first_ago * DAY, "updated_at": now - last_ago * DAY}
    Conversation.objects.filter(pk=conversation.pk).update(**times)
    return conversation


def test_without_filters_everything_is_found() -> None:
    alices, bobs = branched("alice"), branched("bob")

    assert found() == {alices.pk, bobs.pk}


def test_users_and_groups_narrow_it() -> None:
    alices, bobs = branched("alice"), branched("bob")
    group = Group.objects.create(name="research")
    person("bob").groups.add(group)

    assert found(user=alices.owner_id) == {alices.pk}
    assert found(group=group.pk) == {bobs.pk}
    assert found(group=group.pk, user=alices.owner_id) == set()


def test_a_period_finds_what_was_going_on_in_it() -> None:
    over = of_days(new_conversation(), first_ago=9, last_ago=8)
    long = of_days(new_conversation(), first_ago=9, last_ago=1)
    new = of_days(new_conversation(), first_ago=1, last_ago=0)

    assert found(since=TODAY - 6 * DAY, until=TODAY - 3 * DAY) == {long.pk}
    assert found(since=TODAY - 6 * DAY) == {long.pk, new.pk}
    assert found(until=TODAY - 3 * DAY) == {over.pk, long.pk}
    assert found(since=TODAY, until=TODAY) == {new.pk}


def test_model_and_state_ask_for_one_run_that_has_both() -> None:
    stopped = branched()
    whole = answered(asked()).conversation
    other = new_conversation()
    answered(other.post(text="?", model="openai:other", client_key="k"))

    assert found(state="stopped") == {stopped.pk}
    assert found(model="openai:other") == {other.pk}
    assert found(model="openai:other", state="stopped") == set()
    assert found(model="openai:sim") == {stopped.pk, whole.pk}


def test_all_words_must_stand_in_the_title_or_in_the_messages() -> None:
    chosen = branched(text="How do I bake bread?")
    branched(text="Something else")

    assert found(words="BREAD bake") == {chosen.pk}
    assert found(words="bread second") == {chosen.pk}
    assert found(words="bread cake") == set()
    assert found(words="100%") == set()


def test_picked_ones_are_those_and_only_those() -> None:
    picked, _ = branched(), branched()

    assert found(conversations=(picked.pk,)) == {picked.pk}


def test_a_selection_survives_its_way_through_json() -> None:
    every = Selection(1, 2, TODAY - DAY, TODAY, "openai:sim", "stopped", "bread", (branched().pk,))

    assert Selection.from_json(every.to_json()) == every
    assert Selection.from_json({}) == Selection()
    assert Selection().to_json() == {}


def test_the_preview_counts_exactly_and_says_about_how_large_it_will_be() -> None:
    branched(), branched()
    counted = preview(Selection(), "csv")

    assert (counted.conversations, counted.messages) == (2, 10)
    assert counted.bytes > 1000
    assert preview(Selection(words="nowhere"), "csv").conversations == 0
