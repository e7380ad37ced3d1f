"""The ledger, row by row."""

from django.contrib import admin

from conversations.admin.readonly import ReadOnlyAdmin
from conversations.models import UsageRecord


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    list_display = [
        "created_at",
        "user_key",
        "provider",
        "model_asked",
        "purpose",
        "outcome",
        "fresh_input",
        "cache_read",
        "cache_write",
        "output",
        "cost_usd",
        "confidence",
    ]
    list_filter = ["created_at", "provider", "model_asked", "purpose", "confidence"]
    search_fields = ["conversation_key", "generation_id", "user_key"]
    date_hierarchy = "created_at"
