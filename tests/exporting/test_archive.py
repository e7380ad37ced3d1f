"""Our own archive says what the database says."""

import base64
import json
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from conversations.exporting.records import CallRecord, ConversationRecord
from conversations.models import Conversation, DraftSegment, Generation, Message, Part, UsageRecord
from tests.conversations.rows import answered, asked, new_conversation
from tests.exporting.exported import begun, branched, done, exported, lines, members, path_of

pytestmark = pytest.mark.django_db


def archived(**options: Any) -> tuple[list[ConversationRecord], list[CallRecord], dict[str, bytes]]:
    """Read back with the types it was written with."""
    inside = members(exported("archive", **options))
    conversations = [
        msgspec.convert(line, ConversationRecord, strict=False) for line in lines(inside["conversations.jsonl"])
    ]
    calls = [msgspec.convert(line, CallRecord, strict=False) for line in lines(inside["usage.jsonl"])]
    return conversations, calls, inside


def test_conversations_read_back_equal_the_database() -> None:
    branched("alice"), branched("bob"), new_conversation("bob")
    conversations, _, _ = archived()

    assert [each.id for each in conversations] == list(Conversation.objects.order_by("pk").values_list("pk", flat=True))
    for read in conversations:
        row = Conversation.objects.get(pk=read.id)
        assert (read.owner.name, read.title, read.chosen_leaf) == (row.owner.username, row.title, row.leaf_id)
        assert (read.created_at, read.updated_at) == (row.created_at, row.updated_at)


def test_messages_with_all_their_branches_read_back_equal_the_database() -> None:
    conversation = branched()
    [read], _, _ = archived()
    chosen = [message.pk for message in conversation.branch()]

    assert [message.id for message in read.branch()] == chosen
    assert len(read.messages) == Message.objects.count() == 5
    for message in read.messages:
        row = Message.objects.get(pk=message.id)
        assert (message.parent, message.role, message.created_at) == (row.parent_id, row.role, row.created_at)
        assert [(part.index, part.kind, part.text, part.data) for part in message.parts] == list(
            row.parts.order_by("index").values_list("index", "kind", "text", "data")
        )
        assert [(run.id, run.status) for run in message.runs] == list(row.generations.values_list("pk", "status"))
    assert [(each.version, each.versions) for each in read.messages if each.role == "assistant"] == [
        (1, 2),
        (2, 2),
        (1, 1),
    ]


def test_the_ledger_rows_read_back_equal_the_database() -> None:
    branched()
    _, calls, _ = archived()

    assert len(calls) == 3
    for call in calls:
        row = UsageRecord.objects.get(pk=call.id)
        assert (call.fresh_input, call.output, call.cost_usd) == (row.fresh_input, row.output, row.cost_usd)
        assert (call.run, call.conversation, call.confidence) == (
            row.generation_id,
            row.conversation_key,
            row.confidence,
        )


def test_the_manifest_has_the_hash_of_every_file_and_counts_what_is_there() -> None:
    branched("alice"), branched("bob")
    _, _, inside = archived()
    manifest = json.loads(inside.pop("manifest.json"))

    assert (manifest["format"], manifest["version"]) == ("chatsite-archive", 1)
    assert manifest["counts"] == {"conversations": 2, "messages": 10, "calls": 6, "attachments": 0}
    assert manifest["files"] == {
        name: {"bytes": len(content), "sha256": sha256(content).hexdigest()} for name, content in inside.items()
    }


def test_the_job_has_the_hash_and_the_size_of_the_file() -> None:
    branched()
    job = done(begun())
    content = path_of(job).read_bytes()

    assert (job.bytes, job.sha256) == (len(content), sha256(content).hexdigest())


def test_a_picture_becomes_a_file_of_the_archive_whatever_its_name_is() -> None:
    question = asked(text="What is this?").message.parent
    data = {"media_type": "image/png", "name": "../../etc/pass wd.png", "base64": base64.b64encode(b"picture").decode()}
    Part.objects.create(message=question, index=1, kind=Part.Kind.IMAGE, data=data)
    [read], _, inside = archived()
    part = read.messages[0].parts[1]

    assert part.file == f"attachments/{question.pk}-1-etc-pass-wd.png"
    assert inside[part.file] == b"picture"
    assert "base64" not in part.data


def test_an_answer_that_is_being_written_is_there_as_far_as_it_is_saved() -> None:
    run = asked()
    DraftSegment.objects.create(generation=run, part=0, start=0, kind="text", text="So ")
    DraftSegment.objects.create(generation=run, part=0, start=3, kind="text", text="far")
    [read], _, _ = archived()

    assert [part.text for part in read.messages[1].parts] == ["So far"]
    assert read.messages[1].runs[0].status == "active"


def test_there_is_no_nul_and_every_line_is_one_json_value() -> None:
    answered(asked(text="line\u2028separators\u0085and\x0b\x0ctabs\t"), "\ufffd \x1f \x7f")
    _, _, inside = archived()

    assert b"\0" not in inside["conversations.jsonl"]
    assert inside["conversations.jsonl"].count(b"\n") == 1


def test_what_is_begun_after_the_export_is_not_part_of_it() -> None:
    before = branched()
    job = begun()
    Conversation.objects.filter(pk=before.pk).update(created_at=job.created_at)
    later = branched()
    Conversation.objects.filter(pk=later.pk).update(created_at="2100-01-01T00:00:00Z")
    inside = members(path_of(done(job)))

    assert [line["id"] for line in lines(inside["conversations.jsonl"])] == [str(before.pk)]


def test_reading_takes_a_few_queries_whatever_the_number_of_conversations(django_assert_max_num_queries: Any) -> None:
    for _ in range(30):
        branched()
    from conversations.exporting.reading import batches

    with django_assert_max_num_queries(10):
        read = [whole for batch in batches(Conversation.objects.all()) for whole in batch]
    assert len(read) == 30
    assert Generation.objects.count() == 90
