"""Runs: how each answer came about, and the one thing that can be done about a running one: stop it."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import ActionLocation
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from conversations.admin.filters import ErrorFilter, ModelFilter, MonthFilter
from conversations.admin.links import link, page_of, person_page
from conversations.admin.paging import LongListAdmin
from conversations.admin.readonly import ReadOnlyAdmin
from conversations.admin.searching import KeySearch
from conversations.models import AuditEntry, Generation, UsageRecord
from conversations.models.notices import REASONS, story
from conversations.templatetags.shown import seconds

MAY_STOP = "conversations.change_generation"
BOTH = [ActionLocation.CHANGE_LIST, ActionLocation.CHANGE_FORM]


class CallsOfRun(admin.TabularInline):  # type: ignore[type-arg]
    """The ledger rows of a run. Whoever may not see the ledger does not see them here."""

    model = UsageRecord
    fields = readonly_fields = (
        "created_at",
        "model_asked",
        "model_answered",
        "purpose",
        "outcome",
        "tokens_in",
        "output",
        "cost_usd",
        "confidence",
        "ttft_s",
        "duration_s",
    )
    ordering = ["created_at"]
    verbose_name_plural = "ledger rows"
    can_delete = False
    show_change_link = True
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin, KeySearch, LongListAdmin):
    list_display = ["id", "status", "age", "person", "model", "attempts", "error_kind", "finish_reason", "created_at"]
    list_select_related = ["conversation__owner"]
    list_filter = ["status", "created_at", MonthFilter, ErrorFilter, ModelFilter]
    ordering = ["-pk"]
    id_columns = ("pk", "conversation", "message")
    person_column = "conversation__owner_id"
    actions = ["stop"]
    inlines = [CallsOfRun]
    fields = [
        "id",
        "status",
        "person",
        "in_conversation",
        "model",
        "error_kind",
        "finish_reason",
        "attempts",
        "failures",
        "told",
        "created_at",
        "ended_at",
        "age",
        "stop_requested_at",
        "heartbeat_at",
        "owner",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Generation]:
        return super().get_queryset(request).select_related("conversation__owner")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "conversation__id__exact" or super().lookup_allowed(lookup, value, request)

    # --- the one thing to do ------------------------------------------------

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_STOP)

    @admin.action(description="Stop the running answer", permissions=["stop"], location=BOTH)
    def stop(self, request: HttpRequest, queryset: QuerySet[Generation]) -> None:
        """As its reader would: noted in the row, from where its process picks it up. Logged."""
        stopped = [run for run in queryset.active() if stop_for(request, run)]  # type: ignore[attr-defined]
        if not stopped:
            self.message_user(request, "Nothing was running any more.", messages.WARNING)
            return
        ended = "1 answer ends" if len(stopped) == 1 else f"{len(stopped)} answers end"
        self.message_user(request, f"{ended} within a second; what was written stays.", messages.SUCCESS)

    # --- columns ------------------------------------------------------------

    @admin.display(description="owner")
    def person(self, run: Generation) -> SafeString:
        owner = run.conversation.owner
        return link(owner.get_username(), person_page(owner.pk))

    @admin.display(description="conversation")
    def in_conversation(self, run: Generation) -> SafeString:
        return link(run.conversation_id, page_of("conversation", run.conversation_id))

    @admin.display(description="took")
    def age(self, run: Generation) -> str:
        """How long it took; of a running one, how long it has been running."""
        lasted = seconds(((run.ended_at or timezone.now()) - run.created_at).total_seconds())
        return f"running for {lasted}" if run.is_active else lasted

    @admin.display(description="attempts")
    def attempts(self, run: Generation) -> int:
        return 1 + len(failures_of(run))

    @admin.display(description="failed attempts")
    def failures(self, run: Generation) -> SafeString | str:
        lines = ((event["model"], REASONS.get(event["error"], event["error"])) for event in failures_of(run))
        return format_html_join("\n", "<div>{} {}</div>", lines) or "none"

    @admin.display(description="what the reader was told")
    def told(self, run: Generation) -> str:
        return " ".join(story(run.events)) or "nothing"


def failures_of(run: Generation) -> list[dict[str, Any]]:
    return [event for event in run.events if event.get("kind") == "failed"]


@transaction.atomic
def stop_for(request: HttpRequest, run: Generation) -> bool:
    if not run.request_stop():
        return False
    owner_id = run.conversation.owner_id
    AuditEntry.write(
        AuditEntry.Action.ANSWER_STOPPED,
        request.user,  # type: ignore[arg-type]
        subject_key=owner_id,
        object_key=run.conversation_id,
        generation=str(run.pk),
    )
    return True
