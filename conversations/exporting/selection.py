"""Which conversations: what somebody asked for, as rows of the database and as JSON of a job."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from conversations.models import Conversation, Generation, Part
from conversations.models.conversation import ConversationQuerySet

MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class Selection:
    """Empty fields leave nothing out. `since` and `until` are days of the site's time zone, both included.

    A conversation counts for a period when it was going on in it: begun before its end, and changed after its start.
    `model` (`provider:model`) and `state` (of Generation.Status) ask for one run that has both. `words` must all stand
    in the title or in the messages.
    """

    user: int | None = None
    group: int | None = None
    since: date | None = None
    until: date | None = None
    model: str = ""
    state: str = ""
    words: str = ""
    conversations: tuple[UUID, ...] = ()

    def found(self) -> ConversationQuerySet:
        conversations = Conversation.objects.filter(self._whose(), self._when())
        if self.conversations:
            conversations = conversations.filter(pk__in=self.conversations)
        if self.model or self.state:
            conversations = conversations.filter(Exists(self._runs()))
        for word in self.words.split()[:MOST_WORDS]:
            said = Part.objects.filter(message__conversation=OuterRef("pk"), text__icontains=word)
            conversations = conversations.filter(Q(title__icontains=word) | Exists(said))
        return conversations

    def _whose(self) -> Q:
        whose = Q()
        if self.user is not None:
            whose &= Q(owner=self.user)
        if self.group is not None:
            whose &= Q(owner__groups=self.group)
        return whose

    def _when(self) -> Q:
        when = Q()
        if self.since:
            when &= Q(updated_at__gte=midnight(self.since))
        if self.until:
            when &= Q(created_at__lt=midnight(self.until + timedelta(days=1)))
        return when

    def _runs(self) -> Any:
        runs = Generation.objects.filter(conversation=OuterRef("pk"))
        if self.model:
            runs = runs.filter(model=self.model)
        return runs.filter(status=self.state) if self.state else runs

    # --- as JSON ------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Only what is set; dates and ids as text."""
        plain = {name: value for name, value in asdict(self).items() if value not in (None, "", ())}
        for name in ("since", "until"):
            if name in plain:
                plain[name] = plain[name].isoformat()
        if self.conversations:
            plain["conversations"] = [str(pk) for pk in self.conversations]
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Selection:
        values = dict(plain)
        for name in ("since", "until"):
            if name in values:
                values[name] = date.fromisoformat(values[name])
        values["conversations"] = tuple(UUID(pk) for pk in values.get("conversations", ()))
        return cls(**values)


def midnight(day: date) -> datetime:
    """The start of the day in the site's time zone."""
    return timezone.make_aware(datetime.combine(day, time()))
