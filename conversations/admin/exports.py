"""Exports as rows, and the way from selected conversations to the page that exports them."""

from __future__ import annotations

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from conversations.admin.readonly import ReadOnlyAdmin
from conversations.models import Conversation, ExportJob

MAY_EXPORT = "conversations.export_conversations"
# Where views/exports.py finds what was selected. More than this is better described by filters.
PICKED, MOST_PICKED = "export_picked", 5000


@admin.action(description="Export selected conversations")
def export_selected(
    modeladmin: ModelAdmin[Conversation], request: HttpRequest, queryset: QuerySet[Conversation]
) -> HttpResponse | None:
    """Goes on to the page of exports, which asks for format and reason."""
    if not request.user.has_perm(MAY_EXPORT):
        modeladmin.message_user(request, "You may not export conversations.", messages.ERROR)
        return None
    picked = [str(pk) for pk in queryset.order_by().values_list("pk", flat=True)[: MOST_PICKED + 1]]
    if len(picked) > MOST_PICKED:
        words = f"More than {MOST_PICKED:,} are selected: choose them by user, date or model on the page of exports."
        modeladmin.message_user(request, words, messages.WARNING)
        return None
    request.session[PICKED] = picked
    return redirect("exports")


@admin.register(ExportJob)
class ExportJobAdmin(ReadOnlyAdmin):
    list_display = ["id", "requested_by", "format", "status", "done", "messages", "bytes", "created_at", "expires_at"]
    list_select_related = ["requested_by"]
    list_filter = ["status", "format", "everybody", "pseudonymise", "created_at"]
    search_fields = ["id", "requested_by__username", "requested_by__email", "reason"]
    exclude = ["token", "written", "file"]
