"""From rows to records: batches by id, a few queries each, so that memory stays flat whatever there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Length

from conversations.exporting.records import (
    CallRecord,
    ConversationRecord,
    MessageRecord,
    PartRecord,
    Person,
    RunRecord,
    Whole,
)
from conversations.models import Conversation, DraftSegment, Generation, Message, Part, UsageRecord
from conversations.models.conversation import ConversationQuerySet
from conversations.rendering.markdown import RENDERER_VERSION

# A batch ends at whichever comes first.
MOST_CONVERSATIONS = 100
MOST_CHARACTERS = 500_000

type ById[Row] = defaultdict[UUID, list[Row]]


def batches(
    conversations: ConversationQuerySet, after: UUID | None = None, *, with_html: bool = False
) -> Iterator[list[Whole]]:
    """All conversations in the order of their ids, beginning behind `after`."""
    while ids := next_ids(conversations, after):
        yield read(ids, with_html=with_html)
        after = ids[-1]


def next_ids(conversations: ConversationQuerySet, after: UUID | None) -> list[UUID]:
    """At least one, unless there is none left; no more than fit into a batch."""
    rest = conversations.filter(pk__gt=after) if after else conversations
    ids = list(rest.order_by("pk").values_list("pk", flat=True)[:MOST_CONVERSATIONS])
    sizes = Part.objects.filter(message__conversation__in=ids).order_by().values_list("message__conversation")
    characters = dict(sizes.annotate(characters=Sum(Length("text"))))
    room = MOST_CHARACTERS
    for count, pk in enumerate(ids):
        room -= characters.get(pk, 0)
        if room < 0:
            return ids[: max(count, 1)]
    return ids


def read(ids: Sequence[UUID], *, with_html: bool = False) -> list[Whole]:
    """These conversations, whole, in the order of their ids. What is not there any more is left out."""
    messages = rows_by(
        "conversation", Message.objects.filter(conversation__in=ids).order_by("created_at", "pk"), MESSAGE
    )
    parts = parts_of(ids, with_html)
    runs = rows_by("message", Generation.objects.filter(conversation__in=ids).order_by("pk"), RUN)
    add_drafts(parts, runs)
    calls = rows_by("conversation_key", UsageRecord.objects.filter(conversation_key__in=ids).order_by("pk"), CALL)
    found = Conversation.objects.filter(pk__in=ids).order_by("pk").values("owner_id", *CONVERSATION, *OWNER)
    return [whole_of(row, messages[row["id"]], parts, runs, calls[row["id"]]) for row in found]


CONVERSATION = (
    "id",
    "title",
    "model",
    "system_prompt",
    "settings",
    "pinned",
    "archived",
    "created_at",
    "updated_at",
)
OWNER = ("owner__username", "owner__email", "leaf_id")
MESSAGE = ("id", "parent_id", "role", "created_at")
RUN = ("id", "model", "status", "error_kind", "finish_reason", "created_at", "ended_at", "events")
CALL = (
    "id",
    "created_at",
    "corrects_id",
    "generation_id",
    "provider",
    "model_asked",
    "model_answered",
    "purpose",
    "outcome",
    "confidence",
    "fresh_input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "cost_usd",
    "saved_usd",
    "price",
    "ttft_s",
    "duration_s",
)


def rows_by(key: str, rows: Any, fields: Sequence[str]) -> ById[dict[str, Any]]:
    grouped: ById[dict[str, Any]] = defaultdict(list)
    for row in rows.values(key, *fields):
        grouped[row.pop(key)].append(row)
    return grouped


def parts_of(ids: Sequence[UUID], with_html: bool) -> ById[PartRecord]:
    """The parts of each message. `html` only where it is asked for and what is stored is how we render now."""
    fields = ("message", "index", "kind", "text", "data", *(("html", "html_version") if with_html else ()))
    rows = Part.objects.filter(message__conversation__in=ids).order_by("message", "index")
    grouped: ById[PartRecord] = defaultdict(list)
    for message, index, kind, text, data, *stored in rows.values_list(*fields):
        current = bool(stored) and stored[1] == RENDERER_VERSION
        grouped[message].append(PartRecord(index, kind, text, data, html=stored[0] if current else None))
    return grouped


def add_drafts(parts: ById[PartRecord], runs: ById[dict[str, Any]]) -> None:
    """What answers that are being written have saved so far, as Generation.saved_parts."""
    active = {run["id"]: message for message, rows in runs.items() for run in rows if run["status"] == "active"}
    if not active:
        return
    for segment in DraftSegment.objects.filter(generation__in=active).order_by("generation", "part", "start"):
        written = parts[active[segment.generation_id]]
        part = next((part for part in written if part.index == segment.part), None)
        if part is None:
            part = PartRecord(segment.part, segment.kind, "", segment.data)
            written.append(part)
        part.text, part.html = part.text[: segment.start] + segment.text, None


def whole_of(
    row: dict[str, Any],
    messages: list[dict[str, Any]],
    parts: ById[PartRecord],
    runs: ById[dict[str, Any]],
    calls: list[dict[str, Any]],
) -> Whole:
    owner = Person(row["owner_id"], row["owner__username"], row["owner__email"])
    conversation = ConversationRecord(
        owner=owner,
        chosen_leaf=row["leaf_id"],
        messages=messages_of(messages, row["leaf_id"], parts, runs),
        **{name: row[name] for name in CONVERSATION},
    )
    return Whole(conversation, [call_of(call, row["id"], owner) for call in calls])


def messages_of(
    rows: list[dict[str, Any]], leaf: UUID | None, parts: ById[PartRecord], runs: ById[dict[str, Any]]
) -> list[MessageRecord]:
    parent = {row["id"]: row["parent_id"] for row in rows}
    siblings: defaultdict[UUID | None, list[UUID]] = defaultdict(list)
    for row in rows:
        siblings[row["parent_id"]].append(row["id"])
    chosen = set()
    while leaf in parent:
        chosen.add(leaf)
        leaf = parent[leaf]
    return [
        MessageRecord(
            id=row["id"],
            parent=row["parent_id"],
            role=row["role"],
            created_at=row["created_at"],
            chosen=row["id"] in chosen,
            version=siblings[row["parent_id"]].index(row["id"]) + 1,
            versions=len(siblings[row["parent_id"]]),
            parts=parts[row["id"]],
            runs=[RunRecord(**run) for run in runs[row["id"]]],
        )
        for row in rows
    ]


def call_of(row: dict[str, Any], conversation: UUID, owner: Person) -> CallRecord:
    run, corrects = row.pop("generation_id"), row.pop("corrects_id")
    return CallRecord(conversation=conversation, owner=owner, run=run, corrects=corrects, **row)
