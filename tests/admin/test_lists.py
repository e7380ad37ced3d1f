"""Finding conversations, runs, calls and log entries, and the one thing to do about a running answer."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.admin import paging
from conversations.models import AuditEntry, Conversation, Generation, UsageRecord
from tests.admin.conftest import person, signed_in
from tests.admin.filling import a_row
from tests.admin.reading import rows_in
from tests.conversations.rows import answered, asked, new_conversation

pytestmark = pytest.mark.django_db
ADMIN = "/admin/conversations"


@pytest.fixture
def run() -> Generation:
    """A finished one of alice; bob has one too."""
    answered(asked(new_conversation("bob")))
    run = answered(asked(new_conversation("alice")))
    get_user_model().objects.filter(username="alice").update(email="a.liddell@example.org")
    return run


def found(client: Client, model: str, words: Any, **filters: Any) -> set[str]:
    response = client.get(f"{ADMIN}/{model}/", {"q": str(words), **filters})
    assert response.status_code == 200
    return set(rows_in(response.content.decode()))


# --- search -----------------------------------------------------------------


def test_a_conversation_is_found_by_any_id_in_it_and_by_its_owner(run: Generation, carol: Client) -> None:
    conversation = run.conversation
    words = [conversation.pk, conversation.pk.hex, run.pk, run.message_id, "alic", "LIDDELL", conversation.owner_id]

    for each in words:
        assert found(carol, "conversation", each) == {str(conversation.pk)}, each
    assert found(carol, "conversation", uuid4()) == found(carol, "conversation", "nobody") == set()


def test_a_run_is_found_by_any_id_of_it_and_by_its_owner(run: Generation, carol: Client) -> None:
    for each in (run.pk, run.conversation_id, run.message_id, "alice"):
        assert found(carol, "generation", each) == {str(run.pk)}, each


def test_calls_are_found_by_ids_and_people_those_who_are_gone_too(run: Generation, carol: Client) -> None:
    record = UsageRecord.objects.get(generation=run)
    key = record.user_key
    for each in (record.pk, record.conversation_key, run.pk, "alice", key):
        response = carol.get(f"{ADMIN}/usagerecord/", {"q": str(each)})
        assert [row.pk for row in response.context["cl"].result_list] == [record.pk], each
    get_user_model().objects.get(pk=key).delete()
    response = carol.get(f"{ADMIN}/usagerecord/", {"q": str(key)})

    assert [row.pk for row in response.context["cl"].result_list] == [record.pk]


def test_entries_of_the_log_are_found_by_either_side_and_by_what_they_are_about(carol: Client) -> None:
    dora, alice = person("dora"), get_user_model().objects.create(username="alice")
    key = uuid4()
    entry = AuditEntry.write("transcript_read", dora, subject_key=alice.pk, object_key=key, reason="Because of it")
    a_row(AuditEntry)
    for filters in (
        {"q": "dora"},
        {"q": "alice"},
        {"q": str(key)},
        {"q": str(alice.pk)},
        {"subject_key": alice.pk},
        {"actor_key": dora.pk},
    ):
        response = carol.get(f"{ADMIN}/auditentry/", filters)
        assert [row.pk for row in response.context["cl"].result_list] == [entry.pk], filters
    assert "Because of it" in carol.get(f"{ADMIN}/auditentry/{entry.pk}/change/").content.decode()


@pytest.mark.parametrize("words", ["%", "_", "'; DROP TABLE x", "9" * 40, "٣", "{" * 36])
@pytest.mark.parametrize("model", ["conversation", "generation", "usagerecord", "auditentry"])
def test_odd_words_find_nothing_and_break_nothing(run: Generation, carol: Client, model: str, words: str) -> None:
    assert found(carol, model, words) == set()


# --- filters ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "filters"),
    [
        ("conversation", {"model": "openai:sim"}),
        ("generation", {"status__exact": "complete"}),
        ("generation", {"model": "openai:sim"}),
        ("usagerecord", {"model_asked": "openai:sim"}),
        ("usagerecord", {"purpose__exact": "answer"}),
        ("usagerecord", {"cost": "unknown"}),
    ],
)
def test_filters_keep_what_they_name(run: Generation, carol: Client, model: str, filters: dict[str, str]) -> None:
    response = carol.get(f"{ADMIN}/{model}/", filters)
    assert response.context["cl"].result_count == 2
    other = {
        name: "failed" if value == "complete" else "corrections" if value == "unknown" else "title"
        for name, value in filters.items()
    }

    assert carol.get(f"{ADMIN}/{model}/", other).context["cl"].result_count == 0


def test_conversations_are_found_by_their_month(carol: Client) -> None:
    old, new = new_conversation("alice"), new_conversation("bob")
    Conversation.objects.filter(pk=old.pk).update(created_at="2026-01-31T23:59:59Z")
    months = carol.get(f"{ADMIN}/conversation/").content.decode()

    assert "?month=2026-01" in months
    assert found(carol, "conversation", "", month="2026-01") == {str(old.pk)}
    assert found(carol, "conversation", "", month="2026-02") == set()
    assert found(carol, "conversation", "", month="nonsense") == {str(old.pk), str(new.pk)}


def test_runs_with_errors_are_found_by_kind(carol: Client) -> None:
    failed = asked(new_conversation("alice"))
    failed.finish("failed", [], [], error_kind="overloaded")
    answered(asked(new_conversation("bob")))

    assert found(carol, "generation", "", error="any") == {str(failed.pk)}
    assert found(carol, "generation", "", error="overloaded") == {str(failed.pk)}
    assert found(carol, "generation", "", error="rate_limited") == set()


# --- long lists -------------------------------------------------------------


def test_a_long_list_is_counted_no_further_than_people_page(carol: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(paging, "MOST", 60)
    for _ in range(70):
        new_conversation("alice")
    with CaptureQueriesContext(connection) as captured:
        first = carol.get(f"{ADMIN}/conversation/")
    counts = [query["sql"] for query in captured if "COUNT(*)" in query["sql"] and "_conversation" in query["sql"]]
    second = carol.get(f"{ADMIN}/conversation/?p=2")

    assert "more than 60 conversations" in " ".join(first.content.decode().split())
    assert len(counts) == 1
    assert "LIMIT 61" in counts[0]
    assert len(second.context["cl"].result_list) == 10


def test_a_short_list_is_counted_to_its_end(carol: Client) -> None:
    for _ in range(3):
        new_conversation("alice")
    html = " ".join(carol.get(f"{ADMIN}/conversation/").content.decode().split())

    assert "3 conversations" in html
    assert "more than" not in html


# --- what a page says -------------------------------------------------------


def test_a_conversation_says_its_messages_cost_and_readings(run: Generation, carol: Client) -> None:
    html = carol.get(f"{ADMIN}/conversation/{run.conversation_id}/change/").content.decode()

    for fact in (
        f"?conversation__id__exact={run.conversation_id}",
        f"?conversation_key={run.conversation_id}",
        "never",
    ):
        assert fact in html


def test_a_run_shows_its_failed_attempts_and_its_ledger_rows(run: Generation, carol: Client) -> None:
    event = {"kind": "failed", "model": "GPT", "next": "GPT", "error": "overloaded", "shown": False}
    Generation.objects.filter(pk=run.pk).update(events=[event])
    html = carol.get(f"{ADMIN}/generation/{run.pk}/change/").content.decode()

    assert "GPT was overloaded" in html
    assert f"{ADMIN}/usagerecord/{UsageRecord.objects.get(generation=run).pk}/change/" in html


def test_whoever_may_not_see_the_ledger_does_not_see_it_beside_a_run(run: Generation) -> None:
    support = signed_in(person("sam", "conversations.view_generation"))
    html = support.get(f"{ADMIN}/generation/{run.pk}/change/").content.decode()

    assert "usage_records" not in html
    assert "ledger" not in html


# --- stop -------------------------------------------------------------------


def stop(client: Client, *runs: Generation) -> Any:
    form = {"action": "stop", "_selected_action": [str(run.pk) for run in runs]}
    return client.post(f"{ADMIN}/generation/", form, follow=True)


def test_support_stops_a_running_answer_and_it_is_logged(run: Generation) -> None:
    running = asked(new_conversation("alice"))
    sam = person("sam", "conversations.view_generation", "conversations.change_generation")
    html = stop(signed_in(sam), running, run).content.decode()
    entry = AuditEntry.objects.get()

    assert "1 answer ends" in html
    assert Generation.objects.get(pk=running.pk).stop_requested_at
    assert Generation.objects.get(pk=run.pk).stop_requested_at is None
    assert (entry.action, entry.actor_name, entry.subject_key) == (
        "answer_stopped",
        "sam",
        running.conversation.owner_id,
    )


def test_it_can_be_stopped_on_its_own_page(carol: Client) -> None:
    running = asked(new_conversation("alice"))
    address = f"{ADMIN}/generation/{running.pk}/change/"
    assert "Stop the running answer" in carol.get(address).content.decode()
    form = {"CHANGE_FORM-action": "stop", "_selected_action": str(running.pk)}
    carol.post(address, form)

    assert Generation.objects.get(pk=running.pk).stop_requested_at


def test_stopping_what_has_ended_says_so_and_writes_nothing(run: Generation, carol: Client) -> None:
    assert "Nothing was running" in stop(carol, run).content.decode()
    assert not AuditEntry.objects.exists()


def test_looking_is_not_stopping() -> None:
    running = asked(new_conversation("alice"))
    viewer = signed_in(person("sam", "conversations.view_generation"))
    html = stop(viewer, running).content.decode()

    assert "Stop the running answer" not in html
    assert Generation.objects.get(pk=running.pk).stop_requested_at is None


def test_a_conversation_found_by_its_id_is_found_once(carol: Client) -> None:
    conversation = new_conversation("alice")
    for _ in range(3):
        answered(asked(conversation))
    response = carol.get(f"{ADMIN}/conversation/", {"q": str(conversation.pk)})

    assert [row.pk for row in response.context["cl"].result_list] == [conversation.pk]
    assert Conversation.objects.count() == 1
