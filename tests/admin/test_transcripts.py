"""Reading somebody's conversation: a permission, a reason, an entry that its owner sees; and nothing without them."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from conversations.models import AuditEntry, Conversation, Message, Part
from tests.admin.conftest import person, signed_in
from tests.conversations.rows import MODEL, answered, asked, new_conversation
from tests.rendering.corpus import chosen, payloads

pytestmark = pytest.mark.django_db
REASON = "Ticket 4711: the answer breaks off"
SECRET = "Aunt Agatha's secret"


@pytest.fixture
def conversation() -> Conversation:
    """Alice's, with a secret in its title, its question and its answer."""
    conversation = new_conversation("alice")
    answered(asked(conversation, f"{SECRET} question"), f"{SECRET} answer")
    conversation.refresh_from_db()
    assert SECRET in conversation.title
    return conversation


@pytest.fixture
def dora() -> Client:
    """Support with the permission to read."""
    return signed_in(person("dora", "conversations.read_transcripts", "conversations.view_conversation"))


def transcript_of(conversation: Conversation) -> str:
    return f"/admin/conversations/conversation/{conversation.pk}/transcript/"


def read(client: Client, conversation: Conversation, reason: str = REASON) -> Any:
    return client.post(transcript_of(conversation), {"reason": reason}, follow=True)


def alice() -> Client:
    return signed_in(get_user_model().objects.get(username="alice"))


# --- asked, logged, shown ---------------------------------------------------


def test_nothing_is_shown_before_a_reason_is_given(conversation: Conversation, dora: Client) -> None:
    html = dora.get(transcript_of(conversation)).content.decode()

    assert "Why do you need to read it?" in html
    assert "alice sees who read it" in html
    assert SECRET not in html
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("reason", ["", "   ", "because", "no reason", "x" * 501])
def test_a_reason_is_some_words(conversation: Conversation, dora: Client, reason: str) -> None:
    response = dora.post(transcript_of(conversation), {"reason": reason})

    assert response.status_code == 422
    assert SECRET not in response.content.decode()
    assert not AuditEntry.objects.exists()


def test_with_a_reason_it_is_logged_and_shown(conversation: Conversation, dora: Client) -> None:
    html = read(dora, conversation).content.decode()
    entry = AuditEntry.objects.get()

    assert f"{SECRET} question" in html.replace("&#x27;", "'")
    assert f"{SECRET} answer" in html.replace("&#x27;", "'")
    assert (entry.action, entry.actor_name, entry.reason) == ("transcript_read", "dora", REASON)
    assert (entry.subject_key, entry.object_key) == (conversation.owner_id, str(conversation.pk))


def test_reloading_writes_no_second_entry(conversation: Conversation, dora: Client) -> None:
    read(dora, conversation)
    again = dora.get(transcript_of(conversation)).content.decode()

    assert "answer" in again
    assert AuditEntry.objects.count() == 1


def test_after_fifteen_minutes_the_reason_is_asked_for_again(conversation: Conversation, dora: Client) -> None:
    read(dora, conversation)
    AuditEntry.objects.update(created_at=timezone.now() - timedelta(minutes=16))

    assert "Why do you need to read it?" in dora.get(transcript_of(conversation)).content.decode()


def test_one_reason_opens_one_conversation_to_one_person(conversation: Conversation, dora: Client) -> None:
    other = new_conversation("alice")
    read(dora, conversation)
    edith = signed_in(person("edith", "conversations.read_transcripts"))

    for client, which in ((dora, other), (edith, conversation)):
        assert "Why do you need to read it?" in client.get(transcript_of(which)).content.decode()


def test_a_superuser_gives_a_reason_too(conversation: Conversation, carol: Client) -> None:
    assert SECRET not in carol.get(transcript_of(conversation)).content.decode()
    assert "answer" in read(carol, conversation).content.decode()
    assert AuditEntry.objects.get().actor_name == "carol"


def test_what_is_shown_is_stored_nowhere(conversation: Conversation, dora: Client) -> None:
    assert "no-store" in read(dora, conversation)["cache-control"]


# --- without the permission -------------------------------------------------


def test_without_the_permission_there_is_no_page_and_no_link(conversation: Conversation) -> None:
    support = signed_in(person("sam", "conversations.view_conversation"))
    page = support.get(f"/admin/conversations/conversation/{conversation.pk}/change/").content.decode()

    assert support.get(transcript_of(conversation)).status_code == 403
    assert support.post(transcript_of(conversation), {"reason": REASON}).status_code == 403
    assert "transcript" not in page
    assert not AuditEntry.objects.exists()


def test_the_permission_alone_makes_nobody_staff(conversation: Conversation) -> None:
    frank = person("frank", "conversations.read_transcripts")
    frank.is_staff = False
    frank.save()

    assert signed_in(frank).get(transcript_of(conversation)).status_code == 302
    assert Client().post(transcript_of(conversation), {"reason": REASON}).status_code == 302
    assert not AuditEntry.objects.exists()


LISTS = ("conversation", "generation")


def test_without_the_permission_no_page_of_the_admin_tells_a_title(conversation: Conversation) -> None:
    permissions = [f"conversations.view_{model}" for model in (*LISTS, "usagerecord", "auditentry")]
    support = signed_in(person("sam", *permissions, "auth.view_user"))
    run = conversation.generations.get()
    admin = "/admin/conversations"
    addresses = [
        *(f"{admin}/{model}/" for model in LISTS),
        f"{admin}/conversation/{conversation.pk}/change/",
        f"{admin}/conversation/{conversation.pk}/history/",
        f"{admin}/generation/{run.pk}/change/",
        f"{admin}/conversation/?q=Agatha",
        f"/admin/auth/user/{conversation.owner_id}/change/",
    ]
    for address in addresses:
        response = support.get(address)
        assert response.status_code == 200, address
        assert "Aunt" not in response.content.decode(), address


@pytest.mark.parametrize("lookup", ["title__startswith", "system_prompt__contains", "messages__parts__text__contains"])
def test_no_filter_tells_what_was_said_letter_by_letter(conversation: Conversation, lookup: str) -> None:
    support = signed_in(person("sam", "conversations.view_conversation"))

    response = support.get(f"/admin/conversations/conversation/?{lookup}=A")
    assert response.status_code in (302, 400)


def test_pick_lists_tell_no_titles(conversation: Conversation, carol: Client) -> None:
    query = "app_label=conversations&model_name=generation&field_name=conversation&term="
    response = carol.get(f"/admin/autocomplete/?{query}")

    assert response.status_code in (200, 403, 404)
    assert "Agatha" not in response.content.decode()


def test_messages_and_their_parts_are_no_tables_of_the_admin(carol: Client) -> None:
    for model in (Message, Part):
        assert carol.get(f"/admin/conversations/{model._meta.model_name}/").status_code == 404


# --- what is shown ----------------------------------------------------------


def test_the_branch_its_owner_sees_is_shown_and_the_others_are_a_link_away(
    conversation: Conversation, dora: Client
) -> None:
    first = conversation.leaf
    assert first
    second = conversation.regenerate(first, model=MODEL)
    answered(second, "Another answer")
    page = read(dora, conversation).content.decode()
    other = dora.get(f"{transcript_of(conversation)}?through={first.pk}").content.decode()

    assert "Another answer" in page
    assert "1 message of other versions is not on this page" in page
    assert f"?through={first.pk}" in page
    assert "secret answer" in other
    assert "Another answer" not in other


@pytest.mark.parametrize("through", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_branch_that_is_not_there_changes_nothing(conversation: Conversation, dora: Client, through: str) -> None:
    read(dora, conversation)

    assert "secret answer" in dora.get(f"{transcript_of(conversation)}?through={through}").content.decode()


def test_a_message_of_another_conversation_is_not_reached(conversation: Conversation, dora: Client) -> None:
    hidden = answered(asked(new_conversation("bob"), "Bob's"), "Bob's own").message
    read(dora, conversation)

    assert "Bob" not in dora.get(f"{transcript_of(conversation)}?through={hidden.pk}").content.decode()


def test_a_running_answer_is_shown_as_far_as_it_is_saved(dora: Client) -> None:
    conversation = new_conversation("alice")
    run = asked(conversation, "Go on")
    run.segments.create(part=0, start=0, kind=Part.Kind.TEXT, text="So far")

    html = read(dora, conversation).content.decode()
    assert "So far" in html
    assert "Being written now" in html


def test_attacks_stay_text(dora: Client) -> None:
    """In the question, the answer, its thoughts, the title and the system prompt."""
    for payload in chosen("transcripts").sample(payloads(), 60):
        clean = payload.replace("\0", "\ufffd")
        conversation = new_conversation("alice")
        run = asked(conversation, clean)
        thought = Part(message=run.message, index=0, kind=Part.Kind.REASONING, text=clean)
        said = Part(message=run.message, index=1, kind=Part.Kind.TEXT, text=clean)
        run.finish("complete", [thought, said], [])
        Conversation.objects.filter(pk=conversation.pk).update(title=clean[:200], system_prompt=clean)
        html = read(dora, conversation).content.decode()

        body = html[html.index("<main") : html.index("</main>")]
        for forbidden in (
            "<script",
            "<img",
            "<iframe",
            "<svg",
            "<object",
            "<embed",
            "<link",
            "<style",
            "<form",
            ' onerror="',
        ):
            assert forbidden not in body.lower(), (payload, forbidden)


# --- its owner --------------------------------------------------------------


def test_its_owner_sees_who_read_it_when_and_why(conversation: Conversation, dora: Client) -> None:
    read(dora, conversation)
    page = alice().get("/account/readers/").content.decode()
    notice = alice().get(conversation.get_absolute_url()).content.decode()

    assert "dora" in page
    assert REASON in page
    assert conversation.get_absolute_url() in page
    assert "dora read this conversation on" in notice


def test_nobody_else_sees_it(conversation: Conversation, dora: Client) -> None:
    read(dora, conversation)
    bob = signed_in(get_user_model().objects.create(username="bob"))

    assert "dora" not in bob.get("/account/readers/").content.decode()


def test_a_deleted_conversation_keeps_its_entry(conversation: Conversation, dora: Client) -> None:
    read(dora, conversation)
    conversation.delete()
    page = alice().get("/account/readers/").content.decode()

    assert "a conversation that has been deleted since" in page
    assert REASON in page


def test_before_anybody_has_read_anything_the_page_says_so(conversation: Conversation) -> None:
    assert "Nobody but you" in alice().get("/account/readers/").content.decode()
    assert "read this conversation on" not in alice().get(conversation.get_absolute_url()).content.decode()


def test_exports_by_staff_are_told_and_ones_own_are_not(conversation: Conversation) -> None:
    erin, owner = person("erin"), conversation.owner
    begun = AuditEntry.Action.EXPORT_BEGUN
    AuditEntry.write(begun, erin, subject_key=owner.pk, reason="Asked for by alice")
    AuditEntry.write(begun, erin, reason="A court order")
    AuditEntry.write(begun, None, reason="From the command line")
    AuditEntry.write(begun, owner, subject_key=owner.pk, reason="My own")
    AuditEntry.write(AuditEntry.Action.EXPORT_DOWNLOADED, owner, reason="My own file")
    page = alice().get("/account/readers/").content.decode()

    assert "Asked for by alice" in page
    assert "A court order" in page
    assert "may hold some of yours" in page
    assert "Somebody at the server" in page
    assert "My own" not in page


def test_the_list_of_readers_costs_the_same_queries_however_long(
    conversation: Conversation, django_assert_num_queries: Any
) -> None:
    dora, client = person("dora"), alice()
    for _ in range(29):
        AuditEntry.write(
            AuditEntry.Action.TRANSCRIPT_READ, dora, subject_key=conversation.owner_id, object_key=conversation.pk
        )
    with django_assert_num_queries(6):
        client.get("/account/readers/")
