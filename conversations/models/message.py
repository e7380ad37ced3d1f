"""A message of a conversation and the parts it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.db.models.functions import Now
from django.utils.safestring import SafeString, mark_safe
from uuid_utils.compat import uuid7

from conversations.models.notices import budget_that_ended_it, notice_for, story
from conversations.models.usage import UsageRecord
from conversations.rendering.markdown import RENDERER_VERSION, render

if TYPE_CHECKING:
    from conversations.models.generation import Generation


def remember(row: Any, **related: Sequence[models.Model]) -> None:
    """Rows that have just been written with `row`, as if they had been fetched with it; all others are forgotten."""
    row._prefetched_objects_cache = {}
    for name, rows in related.items():
        found = getattr(row, name).all()
        found._result_cache, found._prefetch_done = list(rows), True
        row._prefetched_objects_cache[name] = found


class Message(models.Model):
    """One turn. Messages form a tree: siblings are versions of the same turn, a path from root to leaf is a branch."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"
        SYSTEM = "system"
        TOOL = "tool"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    role = models.CharField(max_length=10, choices=Role)
    client_key = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    # Set by branch_to() and for a new message: every version of this turn, oldest first, this one included.
    sibling_ids: list[UUID]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "client_key"], name="one_message_per_client_key"),
        ]
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.role} message {self.pk}"

    @property
    def text(self) -> str:
        """What it says, without reasoning."""
        return "\n\n".join(part.text for part in self.parts.all() if part.kind == Part.Kind.TEXT)

    @property
    def run(self) -> Generation | None:
        """The latest run that wrote this message, by the database's clock; None for a question."""
        runs = list(self.generations.all())
        if len(runs) > 1:
            return max(runs, key=lambda run: (run.created_at, run.pk))
        # The only one need not know that clock: a new run would have to ask.
        return runs[0] if runs else None

    def shown_parts(self) -> list[Part]:
        """Its parts; while it is being written, what has been saved of them so far."""
        run = self.run
        return run.saved_parts() if run and run.is_active else list(self.parts.all())

    @property
    def notice(self) -> str:
        """What its reader is told about how it ended; empty while it runs and when all is well."""
        run = self.run
        if run is None or run.is_active:
            return ""
        budget = budget_that_ended_it(run.events)
        return notice_for(run.status, run.error_kind, run.finish_reason, has_text=bool(self.text), budget=budget)

    @property
    def usage(self) -> UsageRecord | None:
        """What the answer has used over all its calls: retries, fallbacks and continuations too."""
        return UsageRecord.total_of([record for run in self.generations.all() for record in run.usage_records.all()])

    @property
    def is_whole(self) -> bool:
        """The model said all it wanted to say."""
        run = self.run
        return run is not None and run.status == run.Status.COMPLETE and run.finish_reason not in ("length", "paused")

    @property
    def can_continue(self) -> bool:
        """Its last run ended before the answer did, and there is text to go on from."""
        run = self.run
        return run is not None and not run.is_active and not self.is_whole and bool(self.text)

    @property
    def story(self) -> list[str]:
        """How the answer came about, where that is worth a sentence."""
        return story(self.run.events) if self.run else []

    # --- its place in the tree ----------------------------------------------

    @property
    def sibling_number(self) -> int:
        return self.sibling_ids.index(self.pk) + 1

    @property
    def sibling_count(self) -> int:
        return len(self.sibling_ids)

    @property
    def previous_sibling_id(self) -> UUID | None:
        before = self.sibling_ids[: self.sibling_number - 1]
        return before[-1] if before else None

    @property
    def next_sibling_id(self) -> UUID | None:
        return next(iter(self.sibling_ids[self.sibling_number :]), None)

    @classmethod
    def branch_to(cls, leaf_id: UUID | None, conversation_id: UUID, last: int | None = None) -> list[Message]:
        """The messages from the root to `leaf_id`, or the `last` of them. Five queries whatever the length.

        Raises DoesNotExist when they are deleted meanwhile.
        """
        tree = Tree(conversation_id)
        if leaf_id is not None and leaf_id not in tree.parent:
            raise cls.DoesNotExist
        path = tree.path_to(leaf_id)[-(last or 0) :]
        # Runs first: one that has ended by then has its parts, so that no answer is shown as ended and empty.
        found = cls.objects.filter(pk__in=path).prefetch_related("generations", "generations__usage_records", "parts")
        by_id = {message.pk: message for message in found}
        if len(by_id) < len(path):
            raise cls.DoesNotExist
        for pk in path:
            by_id[pk].sibling_ids = tree.siblings(pk)
        return [by_id[pk] for pk in path]

    @classmethod
    def latest_leaf_below(cls, message: Message) -> Message:
        return cls.objects.get(pk=Tree(message.conversation_id).latest_leaf(message.pk))


class Tree:
    """The shape of a conversation: who follows whom. One light query, no texts."""

    def __init__(self, conversation_id: UUID) -> None:
        rows = Message.objects.filter(conversation_id=conversation_id).values_list("pk", "parent_id")
        self.parent = dict(rows.order_by("created_at", "pk"))
        self.children: defaultdict[UUID | None, list[UUID]] = defaultdict(list)
        for pk, parent in self.parent.items():
            self.children[parent].append(pk)

    def path_to(self, leaf: UUID | None) -> list[UUID]:
        path = []
        while leaf is not None:
            path.append(leaf)
            leaf = self.parent[leaf]
        return path[::-1]

    def siblings(self, pk: UUID) -> list[UUID]:
        return self.children[self.parent[pk]]

    def latest_leaf(self, pk: UUID) -> UUID:
        while self.children[pk]:
            pk = self.children[pk][-1]
        return pk


class Part(models.Model):
    """A piece of a message of one kind. `html` is its text as rendered when the message was finished."""

    class Kind(models.TextChoices):
        TEXT = "text"
        REASONING = "reasoning"
        TOOL_CALL = "tool_call"
        TOOL_RESULT = "tool_result"
        CITATION = "citation"
        IMAGE = "image"
        FILE = "file"

    message = models.ForeignKey(Message, models.CASCADE, related_name="parts")
    index = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12, choices=Kind)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)
    html = models.TextField(blank=True)
    html_version = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["message", "index"], name="one_part_per_index")]
        ordering = ["message", "index"]

    def __str__(self) -> str:
        return f"{self.kind} {self.index} of {self.message_id}"

    def shown(self) -> SafeString:
        """Its text as safe HTML: what was stored, or rendered now when the renderer has changed since."""
        if self.html_version != RENDERER_VERSION:
            return render(self.text)
        return mark_safe(self.html)

    def rendered(self, html: SafeString | None = None) -> Part:
        """Itself with `html` filled in, for saving: what `render` makes of its text, if that is known already."""
        if self.html_version != RENDERER_VERSION:
            self.html, self.html_version = render(self.text) if html is None else html, RENDERER_VERSION
        return self
