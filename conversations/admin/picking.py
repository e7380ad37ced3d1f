"""Forms that name a model: the browser offers those the site knows, and any other `provider:model` can be typed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from conversations.generating.offer import known_models


class PicksModel(admin.ModelAdmin):  # type: ignore[type-arg]
    """Its form has a field `model`; its template includes admin/known_models.html."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "model" and field:
            field.widget.attrs["list"] = "known-models"
        return field

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        return super().render_change_form(request, context | {"known_models": known_models()}, *args, **kwargs)
