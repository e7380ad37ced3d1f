"""Models on offer: what they are called, cost and fall back to."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.accounting.pricing import Quote
from conversations.accounting.quoting import quotes
from conversations.admin.figures import WithFigures
from conversations.admin.picking import PicksModel
from conversations.generating.offer import (
    Offers,
    built_in_models,
    provider_names,
    providers_without_key,
)
from conversations.models import CatalogEntry


class CatalogEntryForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_model(self) -> str:
        name: str = self.cleaned_data["model"].strip()
        if problem := problem_with(name):
            raise ValidationError(problem)
        return name

    def clean_fallbacks(self) -> str:
        """Each is checked; a name that stands twice counts once."""
        names = [name.strip() for name in self.cleaned_data["fallbacks"].split(",") if name.strip()]
        problems = [problem for name in names if (problem := problem_with(name))]
        if self.cleaned_data.get("model") in names:
            problems.append("A model cannot fall back to itself.")
        if problems:
            raise ValidationError(problems)
        return ", ".join(dict.fromkeys(names))


def problem_with(name: str) -> str:
    provider, _, model = name.partition(":")
    known = ", ".join(provider_names())
    if not model or any(character.isspace() for character in name):
        return f"“{name}” is not of the form provider:model. The providers are {known}."
    return "" if provider in provider_names() else f"There is no provider “{provider}”. The providers are {known}."


@admin.register(CatalogEntry)
class CatalogEntryAdmin(PicksModel, WithFigures):
    form = CatalogEntryForm
    list_display = ["model", "title", "offered", "position", "price", "fallbacks", "context_tokens"]
    list_editable = ["title", "offered", "position"]
    search_fields = ["model", "title"]
    list_filter = ["offered"]
    readonly_fields = ["price"]
    fieldsets = [
        (None, {"fields": ["model", "price", "title", "offered", "position"]}),
        ("When it cannot answer", {"fields": ["fallbacks", "fallback_continues"]}),
        ("Limits", {"fields": ["context_tokens", "max_output_tokens", "longest_run_s"]}),
        ("Patience", {"fields": ["first_event_timeout_s", "between_events_timeout_s"]}),
        ("Cache", {"fields": ["cached", "cache_shared"]}),
    ]

    def add_figures(self, rows: Sequence[Any]) -> None:
        found = quotes(row.model for row in rows)
        for row in rows:
            row.quote = found[row.model]

    @admin.display(description="price (USD per million tokens)")
    def price(self, entry: Any) -> SafeString | str:
        return priced(entry.model, entry.quote) if entry.pk else "–"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        extra = {"built_in": built_in_rows(), **(extra_context or {})}
        return super().changelist_view(request, extra)

    # --- what is odd about it, and yet allowed ------------------------------

    def save_model(self, request: HttpRequest, obj: CatalogEntry, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for warning in oddities(obj):
            self.message_user(request, warning, messages.WARNING)


def oddities(entry: CatalogEntry) -> list[str]:
    """What an admin should know of an entry that is not wrong."""
    offered = {model.id for model in Offers().models()}
    fallbacks = [name.strip() for name in entry.fallbacks.split(",") if name.strip()]
    keyless = providers_without_key()
    named = [entry.model, *fallbacks]
    return [
        *(f"The fallback {name} is not offered: people cannot pick it." for name in fallbacks if name not in offered),
        *(f"No key for {name} is set: it cannot answer yet." for name in named if name.partition(":")[0] in keyless),
    ]


def priced(model: str, quote: Quote | None) -> SafeString | str:
    """Fresh input and output, and who says so; the way to set it where nobody knows it."""
    if quote is None:
        add = f"{reverse('admin:conversations_modelprice_add')}?{urlencode({'model': model})}"
        return format_html('unknown <a href="{}">set it</a>', add)
    said = "set here" if quote.source.startswith("override") else quote.source
    return format_html(
        '{} in, {} out <span class="quiet">({})</span>', plain(quote.price.fresh_input), plain(quote.price.output), said
    )


def plain(amount: Any) -> str:
    return f"{amount.normalize():f}"


def built_in_rows() -> list[dict[str, Any]]:
    """Models that are offered without an entry of their own."""
    changed = set(CatalogEntry.objects.values_list("model", flat=True))
    models = [model for model in built_in_models() if model.id not in changed]
    found = quotes(model.id for model in models)
    return [{"id": model.id, "title": model.title, "price": priced(model.id, found[model.id])} for model in models]
