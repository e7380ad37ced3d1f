"""A conversation: a tree of messages, of which one branch is shown."""

from __future__ import annotations

from time import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.urls import reverse
from uuid_utils.compat import uuid7

from conversations.models.generation import Generation
from conversations.models.message import Message, Part, remember
from conversations.models.prepared import Prepared, insert


class RunInProgress(Exception):
    """The conversation is already being answered; `generation` is the run that is active."""

    def __init__(self, generation: Generation | None) -> None:
        super().__init__("The conversation is already being answered.")
        self.generation = generation


class TooManyRuns(Exception):
    """The user has as many answers running as the site allows at a time; `running` are their conversations."""

    def __init__(self, running: list[Conversation]) -> None:
        super().__init__("Too many answers are being written for this user.")
        self.running = running


class TooManyMessages(Exception):
    """The user has sent as many messages in the last minute as the site allows."""


# What a post meets when the same one came before it: the first one's rows, or that it is being answered.
PERHAPS_POSTED = (IntegrityError, RunInProgress, TooManyRuns, TooManyMessages)


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def listed(self) -> ConversationQuerySet:
        """As people expect a list: pinned first, then the latest."""
        return self.filter(archived=False).order_by("-pinned", "-updated_at", "-id")

    def titled_like(self, words: str) -> ConversationQuerySet:
        found = self
        for word in words.split()[:8]:
            found = found.filter(title__icontains=word)
        return found

    def lock(self) -> None:
        """Until the transaction ends nobody posts to these, and what runs in them is neither saved nor ended.

        Whoever deletes rows of a run has it locked first, as a run that ends has: otherwise each could wait for the
        other.
        """
        list(self.order_by("pk").select_for_update().values_list("pk"))
        runs = Generation.objects.active().filter(conversation__in=self)
        list(runs.order_by("pk").select_for_update().values_list("pk"))


class Conversation(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversations")
    title = models.CharField(max_length=200, blank=True)
    title_is_final = models.BooleanField(
        default=False, help_text="Named by its owner or by a model: not changed again."
    )
    model = models.CharField(max_length=200, help_text="provider:model of the next answer")
    system_prompt = models.TextField(blank=True)
    settings = models.JSONField(default=dict, blank=True)
    pinned = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    leaf = models.ForeignKey(Message, models.SET_NULL, null=True, blank=True, related_name="+")
    client_key = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "client_key"], name="one_conversation_per_client_key"),
        ]
        permissions = [
            ("read_transcripts", "Can read other people's conversations, giving a reason"),
            ("export_conversations", "Can export conversations"),
        ]
        indexes = [
            models.Index(fields=["owner", "archived", "-pinned", "-updated_at"], name="conversation_list"),
            models.Index(fields=["created_at"], name="conversations_by_date"),
        ]

    def __str__(self) -> str:
        return self.title or "New conversation"

    def get_absolute_url(self) -> str:
        return reverse("conversation", args=[self.pk])

    # --- verbs --------------------------------------------------------------

    @classmethod
    def begin(cls, *, owner_id: int, text: str, model: str, client_key: str) -> tuple[Conversation, Generation | None]:
        """A new conversation with its first question, or the one that the same `client_key` has already begun.

        Raises TooManyRuns or TooManyMessages, and leaves nothing behind then.
        """
        conversation = cls(owner_id=owner_id, client_key=client_key, model=model, title=title_from(text))
        try:
            with transaction.atomic():
                conversation._lock_owner()
                conversation._refuse_too_many()
                generation = conversation._add_exchange(None, text, model, client_key)
                conversation.leaf = generation.message
                insert([conversation])
        except PERHAPS_POSTED:
            if posted := cls.objects.filter(owner_id=owner_id, client_key=client_key).first():
                return posted, None
            raise
        return conversation, generation

    @transaction.atomic
    def post(self, *, text: str, model: str, client_key: str) -> Generation | None:
        """Question + empty answer + active run, below the chosen leaf.

        None when `client_key` has been posted before. Raises RunInProgress when another run of it is active.
        """
        self._lock()
        return self._ask(self.leaf_id, text, model, client_key)

    @transaction.atomic
    def edit(self, message: Message, *, text: str, model: str, client_key: str) -> Generation | None:
        """The same as a new sibling of the question `message`. Nothing is overwritten."""
        self._lock()
        return self._ask(message.parent_id, text, model, client_key)

    @transaction.atomic
    def regenerate(self, message: Message, *, model: str) -> Generation:
        """A new sibling of the answer `message`. Raises RunInProgress."""
        self._lock()
        self._lock_owner()
        self._refuse_too_many()
        answer = Message.objects.create(conversation=self, parent_id=message.parent_id, role=Message.Role.ASSISTANT)
        self._touch(leaf=answer, model=model)
        return Generation.objects.create(conversation=self, message=answer, model=model)

    @transaction.atomic
    def resume_partial(self, message: Message) -> Generation:
        """Continue: a new run that goes on from what the answer `message` already says. Raises RunInProgress."""
        self._lock()
        self._lock_owner()
        self._refuse_too_many()
        generation = Generation.objects.create(conversation=self, message=message, model=self.model)
        self._touch(leaf=message)
        return generation

    def choose(self, message: Message) -> None:
        """Show the branch through `message`: from there on down, its latest messages."""
        self._touch(leaf=Message.latest_leaf_below(message))

    @transaction.atomic
    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """It is gone for whoever comes next; its run notices within a beat and is billed."""
        Conversation.objects.filter(pk=self.pk).lock()
        return super().delete(using, keep_parents)

    def rename(self, title: str) -> None:
        Conversation.objects.filter(pk=self.pk).update(title=title, title_is_final=True)

    def branch(self, *, before: Message | None = None, last: int | None = None) -> list[Message]:
        """The messages down to the chosen leaf, or those `before` one: each with parts, runs and its siblings' ids.

        Raises Message.DoesNotExist when it is deleted meanwhile.
        """
        leaf_id = before.parent_id if before else self.leaf_id
        return Message.branch_to(leaf_id, self.pk, last)

    # --- inside a transaction -----------------------------------------------

    def _lock(self) -> None:
        """Other writers of this conversation wait here, so that what is read next stays true."""
        fresh = Conversation.objects.select_for_update().values_list("leaf_id", "title")
        self.leaf_id, self.title = fresh.get(pk=self.pk)

    def _lock_owner(self) -> None:
        """Two posts of one user wait for each other here. (With SQLite there is one writer at a time anyway.)"""
        if connection.features.has_select_for_update:
            get_user_model().objects.select_for_update().values_list("pk").get(pk=self.owner_id)

    def _refuse_too_many(self) -> None:
        """Raises RunInProgress, TooManyRuns or TooManyMessages."""
        counted = RUNS_OF_OWNER.rows(owner=self.owner_id, since=earliest_id_of_last_minute())
        active, latest = counted[0] if counted else (0, 0)
        has_runs = active and not self._state.adding
        if has_runs and (here := Generation.objects.active().filter(conversation=self).first()):
            raise RunInProgress(here)
        if active >= settings.RUNS_PER_USER:
            own = Generation.objects.active().filter(conversation__owner_id=self.owner_id)
            raise TooManyRuns(list(Conversation.objects.filter(generations__in=own)))
        if latest >= settings.MESSAGES_PER_MINUTE:
            raise TooManyMessages

    def _ask(self, parent_id: UUID | None, text: str, model: str, client_key: str) -> Generation | None:
        try:
            with transaction.atomic():
                self._lock_owner()
                self._refuse_too_many()
                generation = self._add_exchange(parent_id, text, model, client_key)
        except PERHAPS_POSTED:
            if self.messages.filter(client_key=client_key).exists():
                return None
            raise
        self.title = self.title or title_from(text)
        self._touch(leaf=generation.message, model=model, title=self.title)
        return generation

    def _add_exchange(self, parent_id: UUID | None, text: str, model: str, client_key: str) -> Generation:
        """The rows of a question and of its answer, which is to be written."""
        question = Message(conversation=self, parent_id=parent_id, role=Message.Role.USER, client_key=client_key)
        answer = Message(conversation=self, parent=question, role=Message.Role.ASSISTANT)
        part = Part(message=question, index=0, kind=Part.Kind.TEXT, text=text)
        generation = Generation(conversation=self, message=answer, model=model)
        for rows in ([question, answer], [part], [generation]):
            insert(rows)
        remember(question, parts=[part], generations=[])
        remember(answer, parts=[], generations=[generation])
        question.sibling_ids, answer.sibling_ids = [question.pk], [answer.pk]
        generation.is_first = True
        return generation

    def _touch(self, *, leaf: Message, **fields: object) -> None:
        self.leaf = leaf
        self.model = str(fields.get("model", self.model))
        Conversation.objects.filter(pk=self.pk).update(leaf=leaf, updated_at=Now(), **fields)


def runs_of(owner: int, since: UUID) -> models.QuerySet[Generation, Any]:
    """(how many are active, how many have ids from `since` on) as one row; no row when there are none of either."""
    active, latest = Q(status=Generation.Status.ACTIVE), Q(pk__gte=since)
    counted = Generation.objects.filter(active | latest, conversation__owner_id=owner).values("conversation__owner_id")
    counts = counted.annotate(active_runs=Count("pk", filter=active), latest_runs=Count("pk", filter=latest))
    return counts.values_list("active_runs", "latest_runs")


RUNS_OF_OWNER = Prepared(runs_of, owner=-1, since=UUID(int=1))


def earliest_id_of_last_minute() -> UUID:
    """Ids begin with their time, so that the rows of the last minute are a range of the primary key."""
    milliseconds = int((time() - 60) * 1000)
    return UUID(int=milliseconds << 80)


def title_from(text: str, longest: int = 60) -> str:
    """The first words of a question as a title, cut at a word: `longest` characters at most."""
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    return f"{line[: longest - 1].rsplit(' ', 1)[0]}…"
