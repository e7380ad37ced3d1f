"""The ledger, row by row: what the reports are sums of. Nothing of it can be added, changed or deleted."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from conversations.admin.filters import ModelAskedFilter
from conversations.admin.links import link, list_of, page_of
from conversations.admin.paging import LongListAdmin
from conversations.admin.readonly import ReadOnlyAdmin
from conversations.admin.searching import KeySearch
from conversations.models import UsageRecord


class CostFilter(admin.SimpleListFilter):
    """Unknown is not free, and a correction is not a call."""

    title = "cost"
    parameter_name = "cost"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unknown", "Unknown"), ("corrections", "Corrections")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[UsageRecord]) -> QuerySet[UsageRecord]:
        match self.value():
            case "unknown":
                return queryset.filter(cost_usd=None)
            case "corrections":
                return queryset.exclude(corrects=None)
        return queryset


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin, KeySearch, LongListAdmin):
    list_display = [
        "created_at",
        "user_key",
        "model_asked",
        "purpose",
        "outcome",
        "fresh_input",
        "cache_read",
        "cache_write",
        "output",
        "cost",
        "confidence",
    ]
    list_filter = ["created_at", "purpose", "confidence", CostFilter, ModelAskedFilter]
    ordering = ["-created_at"]
    id_columns = ("pk", "conversation_key", "generation_id")
    readonly_fields = ["story", "person", "in_conversation", "of_run", "call"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        columns = [field.name for field in UsageRecord._meta.fields if field.name not in ("generation", "corrects")]
        return ["story", *columns, "person", "in_conversation", "of_run", "call"]

    @admin.display(description="cost (USD)", ordering="cost_usd", empty_value="unknown")
    def cost(self, record: UsageRecord) -> Any:
        return record.cost_usd

    @admin.display(description="this call")
    def story(self, record: UsageRecord) -> SafeString:
        """A correction is told on the page of the call it corrects."""
        address = reverse("usage_reports:call", args=[record.corrects_id or record.pk])
        return link("Its attempts, timings and price lines", address)

    @admin.display(description="user")
    def person(self, record: UsageRecord) -> SafeString:
        return link(f"Calls of user {record.user_key}", list_of("usagerecord", user_key=record.user_key))

    @admin.display(description="conversation")
    def in_conversation(self, record: UsageRecord) -> SafeString:
        return link("The conversation, if it is still there", page_of("conversation", record.conversation_key))

    @admin.display(description="run")
    def of_run(self, record: UsageRecord) -> SafeString | str:
        if record.generation_id is None:
            return "none"
        return link("The run, if it is still there", page_of("generation", record.generation_id))

    @admin.display(description="corrects")
    def call(self, record: UsageRecord) -> SafeString | str:
        return link("The call it corrects", page_of("usagerecord", record.corrects_id)) if record.corrects_id else "no"
