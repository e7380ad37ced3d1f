"""Conversations and runs: who, when, which model, how it ended. Not what was said."""

from django.contrib import admin

from conversations.admin.readonly import ReadOnlyAdmin
from conversations.models import Conversation, Generation


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    list_display = ["id", "owner", "model", "created_at", "updated_at"]
    list_select_related = ["owner"]
    list_filter = ["model", "created_at"]
    search_fields = ["id", "owner__username", "owner__email"]
    fields = ["id", "owner", "model", "pinned", "archived", "created_at", "updated_at"]


@admin.register(Generation)
class GenerationAdmin(ReadOnlyAdmin):
    list_display = ["id", "status", "model", "error_kind", "finish_reason", "created_at", "ended_at"]
    list_filter = ["status", "error_kind", "model", "created_at"]
    search_fields = ["id", "conversation__id", "message__id"]
    fields = [
        "id",
        "status",
        "model",
        "error_kind",
        "finish_reason",
        "owner",
        "stop_requested_at",
        "heartbeat_at",
        "created_at",
        "ended_at",
    ]
