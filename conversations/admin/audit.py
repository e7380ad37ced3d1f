"""The audit log: who did what to somebody's data or to the bills, and why."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.utils.safestring import SafeString

from conversations.admin.figures import WithFigures
from conversations.admin.links import link, list_of, page_of
from conversations.admin.paging import LongListAdmin
from conversations.admin.readonly import ReadOnlyAdmin
from conversations.admin.searching import KeySearch, keys_of, uuid_of
from conversations.models import AuditEntry

OF_CONVERSATIONS = (AuditEntry.Action.TRANSCRIPT_READ, AuditEntry.Action.ANSWER_STOPPED)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin, WithFigures, KeySearch, LongListAdmin):
    list_display = ["created_at", "actor", "action", "subject", "about", "reason"]
    list_filter = ["action", "created_at"]
    fields = ["created_at", "actor", "action", "subject", "about", "reason", "details"]
    search_help_text = "A whole id, a user's number, or part of a user name or e-mail address: of either side."

    def matching(self, term: str) -> Q:
        """Both sides: who did it and whose data it was; of an actor also the name as it was then."""
        if key := uuid_of(term):
            return Q(pk=key) | Q(object_key=str(key))
        keys = keys_of(term)
        return Q(actor_key__in=keys) | Q(subject_key__in=keys) | Q(actor_name__icontains=term)

    def add_figures(self, rows: Sequence[Any]) -> None:
        people = get_user_model().objects.in_bulk({row.subject_key for row in rows if row.subject_key})
        for row in rows:
            row.subject_name = people[row.subject_key].get_username() if row.subject_key in people else ""

    @admin.display(description="who", ordering="actor_name")
    def actor(self, entry: AuditEntry) -> SafeString | str:
        if entry.actor_key is None:
            return "the site"
        return link(entry.actor_name, list_of("auditentry", actor_key=entry.actor_key))

    @admin.display(description="whose data")
    def subject(self, entry: Any) -> SafeString | str:
        if entry.subject_key is None:
            return "–"
        name = entry.subject_name or f"user {entry.subject_key}, who is gone"
        return link(name, list_of("auditentry", subject_key=entry.subject_key))

    @admin.display(description="about")
    def about(self, entry: AuditEntry) -> SafeString | str:
        if entry.action in OF_CONVERSATIONS:
            return link(entry.object_key, page_of("conversation", entry.object_key))
        return entry.object_key or "–"
