"""Models on offer."""

from django.contrib import admin

from conversations.models import CatalogEntry


@admin.register(CatalogEntry)
class CatalogEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["model", "title", "offered", "position", "context_tokens", "max_output_tokens"]
    list_editable = ["title", "offered", "position"]
    search_fields = ["model", "title"]
