import json
import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from conversations.exporting.pseudonyms import Pseudonyms, pseudonyms_of_site
from conversations.models import Conversation, ExportJob, Part
from tests.conversations.rows import answered, asked, new_conversation
from tests.exporting.exported import exported, members, person

pytestmark = pytest.mark.django_db
NAMES = ("alice", "Wonder", "Land", "alice@example.org", "bob.builder", "bob@example.org", "carol")
FORMATS = ExportJob.Format.values


@pytest.fixture
def named() -> Conversation:
    """A conversation in which everybody is named everywhere."""
    alice = person("alice")
    get_user_model().objects.filter(pk=alice.pk).update(first_name="Wonder", last_name="Land")
    person("bob.builder"), get_user_model().objects.filter(username="bob.builder").update(email="bob@example.org")
    text = "I am alice (ALICE Wonder, alice@example.org.) and write to mailto:bob@example.org, @bob.builder; alice's"
    run = asked(new_conversation("alice"), text)
    answered(run, f"# Dear Wonder Land\n\n`alice` **carol** {text}")
    Part.objects.create(message=run.message, index=1, kind="tool_call", data={"name": "mail", "to": ["alice"]})
    conversation = run.conversation
    Conversation.objects.filter(pk=conversation.pk).update(system_prompt="Call me Wonder.", title="alice and carol")
    return conversation


def names_in(content: bytes) -> list[str]:
    text = content.decode()
    return [name for name in NAMES if re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text, re.IGNORECASE)]


@pytest.mark.parametrize("format_name", FORMATS)
def test_no_name_or_address_of_an_account_is_in_the_file(named: Conversation, format_name: str) -> None:
    path = exported(format_name, pseudonymise=True)
    contents = members(path) if path.suffix == ".zip" else {path.name: path.read_bytes()}

    told = {name: names_in(name.encode() + b" " + content) for name, content in contents.items()}
    assert not any(told.values()), told


def test_the_filters_of_a_pseudonymised_export_tell_nobody(named: Conversation) -> None:
    inside = members(exported("archive", pseudonymise=True, words="alice", user=named.owner_id))

    assert json.loads(inside["manifest.json"])["filters"] == {}
    assert json.loads(inside["conversations.jsonl"])["owner"]["id"] is None


def test_one_person_is_the_same_word_all_through_an_export_and_another_in_the_next() -> None:
    answered(asked(new_conversation("alice"), "alice")), answered(asked(new_conversation("alice"), "Alice!"))
    texts = [exported("csv", pseudonymise=True).read_text() for _ in range(2)]
    words = [set(re.findall(r"person-\w+", text)) for text in texts]

    assert len(words[0]) == len(words[1]) == 1
    assert words[0] != words[1]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("alice", "{}"),
        ("Alice's cat", "{}'s cat"),
        ("(alice@example.org)", "({})"),
        ("ask alice@example.org.", "ask {}."),
        ("https://example.org/alice/", "https://example.org/{}/"),
        ("alice_old", "{}_old"),
        ("malice and aliceband", "malice and aliceband"),
        ("Al is short", "Al is short"),
    ],
)
def test_whole_words_are_replaced_and_nothing_else(text: str, hidden: str) -> None:
    people = Pseudonyms(b"key", [(1, "alice"), (1, "alice@example.org"), (1, "Al")])

    assert people.in_text(text) == hidden.format(people.of(1))


def test_the_key_depends_on_the_export_and_on_the_secret_of_the_site(settings: Any) -> None:
    first, other = pseudonyms_of_site("one").of(1), pseudonyms_of_site("two").of(1)
    settings.SECRET_KEY = "another"

    assert len({first, other, pseudonyms_of_site("one").of(1)}) == 3
