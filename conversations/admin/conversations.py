"""Conversations: whose, when, which model, how long, what it cost. What was said is behind `transcript.py`."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from conversations.accounting.reports.spend import NOTHING, spend_of_conversations
from conversations.admin.exports import export_selected
from conversations.admin.figures import WithFigures, moment, spent
from conversations.admin.filters import ModelFilter, MonthFilter
from conversations.admin.links import link, list_of, person_page
from conversations.admin.paging import LongListAdmin
from conversations.admin.readonly import ReadOnlyAdmin
from conversations.admin.searching import KeySearch, uuid_of
from conversations.models import AuditEntry, Conversation, Generation, Message

MAY_READ = "conversations.read_transcripts"
SHOWN = ("created_at", "updated_at", "model", "pinned", "archived")


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin, WithFigures, KeySearch, LongListAdmin):
    """Titles are the first words of what was asked: only for those who may read conversations."""

    list_display = ["id", "person", "model", "messages_stored", "cost", "is_answering", "last_used"]
    list_select_related = ["owner"]
    list_filter = ["created_at", MonthFilter, ModelFilter, "archived"]
    person_column = "owner_id"
    actions = [export_selected]
    view_on_site = False
    fields = ["id", "person", *SHOWN, "messages_stored", "cost", "answers", "calls", "readings"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        untold = [] if may_read(request) else ["title"]
        return super().get_queryset(request).defer("system_prompt", "settings", *untold)

    def get_list_display(self, request: HttpRequest) -> Any:
        return with_title(request, super().get_list_display(request))

    def get_fields(self, request: HttpRequest, obj: Conversation | None = None) -> Any:
        return with_title(request, super().get_fields(request, obj))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """No filter by what is not shown: `?title__contains=` would tell titles letter by letter."""
        return lookup.split("__")[0] in ("id", "owner", "month", *SHOWN) and super().lookup_allowed(
            lookup, value, request
        )

    def prepare(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """For those who may not know a title, it is the id, wherever Django puts a name."""
        super().prepare(request, rows)
        if not may_read(request):
            for row in rows:
                row.title = str(row.pk)

    def matching(self, term: str) -> Q:
        """The id of a conversation, or of a run or a message of it."""
        key = uuid_of(term)
        if key is None:
            return super().matching(term)
        parts = (Generation.objects.filter(pk=key), Message.objects.filter(pk=key))
        return Q(pk__in=[key, *(whole for rows in parts for whole in rows.values_list("conversation_id", flat=True))])

    def add_figures(self, rows: Sequence[Any]) -> None:
        keys = [row.pk for row in rows]
        spends, messages = spend_of_conversations(keys), messages_in(keys)
        answering = set(
            Generation.objects.active().filter(conversation__in=keys).values_list("conversation_id", flat=True)
        )
        for row in rows:
            row.spend, row.message_count = spends.get(row.pk, NOTHING), messages.get(row.pk, 0)
            row.answering = row.pk in answering

    # --- columns ------------------------------------------------------------

    @admin.display(description="owner", ordering="owner__username")
    def person(self, conversation: Conversation) -> SafeString:
        return link(conversation.owner.get_username(), person_page(conversation.owner_id))

    @admin.display(description="messages")
    def messages_stored(self, conversation: Any) -> int:
        return int(conversation.message_count)

    @admin.display(description="cost")
    def cost(self, conversation: Any) -> str:
        return spent(conversation.spend)

    @admin.display(description="answering")
    def is_answering(self, conversation: Any) -> str:
        return "now" if conversation.answering else "–"

    @admin.display(description="last used", ordering="updated_at")
    def last_used(self, conversation: Conversation) -> str:
        return moment(conversation.updated_at)

    @admin.display(description="answers")
    def answers(self, conversation: Conversation) -> SafeString:
        return link("Runs of this conversation", list_of("generation", conversation__id__exact=conversation.pk))

    @admin.display(description="calls")
    def calls(self, conversation: Conversation) -> SafeString:
        return link("Ledger rows of this conversation", list_of("usagerecord", conversation_key=conversation.pk))

    @admin.display(description="read by staff")
    def readings(self, conversation: Conversation) -> SafeString | str:
        number = AuditEntry.objects.readings_of(conversation.pk, conversation.owner_id).count()
        times = "once" if number == 1 else f"{number} times"
        return link(times, list_of("auditentry", object_key=conversation.pk)) if number else "never"

    # --- the way to the transcript ------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        extra = {"transcript": may_read(request)}
        return super().change_view(request, object_id, form_url, extra | (extra_context or {}))


def may_read(request: HttpRequest) -> bool:
    return request.user.has_perm(MAY_READ)


def with_title(request: HttpRequest, columns: Iterable[Any]) -> list[Any]:
    first, *rest = columns
    return [first, "title", *rest] if may_read(request) else [first, *rest]


def messages_in(conversations: Sequence[UUID]) -> dict[UUID, int]:
    found = Message.objects.filter(conversation__in=conversations).order_by()
    return dict(found.values_list("conversation").annotate(number=Count("pk")))
