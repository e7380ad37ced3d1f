"""A conversation: a tree of messages, of which one branch is shown."""

from __future__ import annotations

from time import time
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.db.models.functions import Now
from django.urls import reverse
from uuid_utils.compat import uuid7

from conversations.models.generation import Generation
from conversations.models.message import Message, Part


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


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def listed(self) -> ConversationQuerySet:
        """As people expect a list: pinned first, then the latest."""
        return self.filter(archived=False).order_by("-pinned", "-updated_at", "-id")

    def titled_like(self, words: str) -> ConversationQuerySet:
        found = self
        for word in words.split()[:8]:
            found = found.filter(title__icontains=word)
        return found


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
        indexes = [models.Index(fields=["owner", "archived", "-pinned", "-updated_at"], name="conversation_list")]

    def __str__(self) -> str:
        return self.title or "New conversation"

    def get_absolute_url(self) -> str:
        return reverse("conversation", args=[self.pk])

    # --- verbs --------------------------------------------------------------

    @classmethod
    @transaction.atomic
    def begin(cls, *, owner_id: int, text: str, model: str, client_key: str) -> tuple[Conversation, Generation | None]:
        """A new conversation with its first question, or the one that the same `client_key` has already begun.

        Raises TooManyRuns or TooManyMessages, and leaves nothing behind then.
        """
        conversation, _ = cls.objects.get_or_create(owner_id=owner_id, client_key=client_key, defaults={"model": model})
        return conversation, conversation.post(text=text, model=model, client_key=client_key)

    @transaction.atomic
    def post(self, *, text: str, model: str, client_key: str) -> Generation | None:
        """Question + empty answer + active run, below the chosen leaf.

        None when `client_key` has been posted before. Raises RunInProgress when another run of it is active.
        """
        self._lock()
        return self._ask(self.leaf, text, model, client_key)

    @transaction.atomic
    def edit(self, message: Message, *, text: str, model: str, client_key: str) -> Generation | None:
        """The same as a new sibling of the question `message`. Nothing is overwritten."""
        self._lock()
        return self._ask(message.parent, text, model, client_key)

    @transaction.atomic
    def regenerate(self, message: Message, *, model: str) -> Generation:
        """A new sibling of the answer `message`. Raises RunInProgress."""
        self._lock()
        self._refuse_too_many()
        assert message.parent is not None
        return self._begin_answer(message.parent, model)

    @transaction.atomic
    def resume_partial(self, message: Message) -> Generation:
        """Continue: a new run that goes on from what the answer `message` already says. Raises RunInProgress."""
        self._lock()
        self._refuse_too_many()
        generation = Generation.objects.create(conversation=self, message=message, model=self.model)
        self._touch(leaf=message)
        return generation

    def choose(self, message: Message) -> None:
        """Show the branch through `message`: from there on down, its latest messages."""
        self._touch(leaf=Message.latest_leaf_below(message))

    def rename(self, title: str) -> None:
        Conversation.objects.filter(pk=self.pk).update(title=title, title_is_final=True)

    def branch(self, *, before: Message | None = None, last: int | None = None) -> list[Message]:
        """The messages down to the chosen leaf, or those `before` one: each with parts, runs and its siblings' ids."""
        leaf_id = before.parent_id if before else self.leaf_id
        return Message.branch_to(leaf_id, self.pk, last)

    # --- inside a transaction -----------------------------------------------

    def _lock(self) -> None:
        """Other writers of this conversation wait here, so that what is read next stays true."""
        fresh = Conversation.objects.select_for_update().get(pk=self.pk)
        self.leaf, self.title = fresh.leaf, fresh.title

    def _refuse_too_many(self) -> None:
        """Raises RunInProgress, TooManyRuns or TooManyMessages. Two posts of one user wait for each other here."""
        get_user_model().objects.select_for_update().values_list("pk").get(pk=self.owner_id)
        running = Generation.objects.active().filter(conversation__owner_id=self.owner_id)
        active = {run.conversation_id: run for run in running}
        if self.pk in active:
            raise RunInProgress(active[self.pk])
        if len(active) >= settings.RUNS_PER_USER:
            raise TooManyRuns(list(Conversation.objects.filter(pk__in=active)))
        latest = Generation.objects.filter(conversation__owner_id=self.owner_id, pk__gte=earliest_id_of_last_minute())
        if latest.count() >= settings.MESSAGES_PER_MINUTE:
            raise TooManyMessages

    def _ask(self, parent: Message | None, text: str, model: str, client_key: str) -> Generation | None:
        if self.messages.filter(client_key=client_key).exists():
            return None
        self._refuse_too_many()
        question = Message.objects.create(
            conversation=self, parent=parent, role=Message.Role.USER, client_key=client_key
        )
        Part(message=question, index=0, kind=Part.Kind.TEXT, text=text).save()
        self.title = self.title or title_from(text)
        return self._begin_answer(question, model)

    def _begin_answer(self, question: Message, model: str) -> Generation:
        answer = Message.objects.create(conversation=self, parent=question, role=Message.Role.ASSISTANT)
        generation = Generation.objects.create(conversation=self, message=answer, model=model)
        self.model = model
        self._touch(leaf=answer, model=model, title=self.title)
        return generation

    def _touch(self, *, leaf: Message, **fields: object) -> None:
        self.leaf = leaf
        Conversation.objects.filter(pk=self.pk).update(leaf=leaf, updated_at=Now(), **fields)


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
