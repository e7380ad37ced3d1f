"""Filters whose choices cost no look through a long table."""

import re
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from conversations.accounting.reports.period import Period, day_of, month_of, months_later
from conversations.generating.offer import known_models
from conversations.models.notices import FAILED

MOST_MONTHS = 24


class ModelFilter(admin.SimpleListFilter):
    """Models this site knows; one that is gone can still be named in the address."""

    title = "model"
    parameter_name = "model"
    column = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = known_models()
        asked = request.GET.get(self.parameter_name, "")
        return [(name, name) for name in sorted({*names, *([asked] if asked else [])})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class ModelAskedFilter(ModelFilter):
    parameter_name = column = "model_asked"


class MonthFilter(admin.SimpleListFilter):
    """Months since the first row. Django's own date hierarchy reads the whole table to find them."""

    title = "month"
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        first = model_admin.model.objects.order_by("pk").values_list("created_at", flat=True).first()
        this = month_of(day_of(timezone.now()))
        months = [month for month in (months_later(this, -back) for back in range(MOST_MONTHS)) if first]
        return [(f"{month:%Y-%m}", f"{month:%B %Y}") for month in months if month >= month_of(day_of(first))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", self.value() or ""):
            return queryset
        period = Period.named(self.value() or "")
        return queryset.filter(created_at__gte=period.start, created_at__lt=period.end)


class ErrorFilter(admin.SimpleListFilter):
    """Kinds of errors, and any."""

    title = "error"
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("any", "Any"), *((kind, kind.replace("_", " ")) for kind in FAILED)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "any":
            return queryset.exclude(error_kind="")
        return queryset.filter(error_kind=self.value()) if self.value() else queryset
