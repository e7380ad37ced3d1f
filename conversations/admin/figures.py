"""Figures beside the rows of a list: fetched for the page that is shown, in as many queries whatever its length."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.accounting.reports.spend import Spend
from conversations.templatetags.shown import sum_of_money


class ChangeListWithFigures(ChangeList):
    model_admin: "WithFigures"

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.model_admin.prepare(request, list(self.result_list))


class WithFigures(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list and pages whose rows `add_figures` has given what their columns show."""

    def prepare(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        """Before `request` is shown these rows."""
        self.add_figures(rows)

    def add_figures(self, rows: Sequence[Any]) -> None:
        raise NotImplementedError

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ChangeListWithFigures

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        row: Model | None = super().get_object(request, object_id, from_field)
        if row is not None:
            self.prepare(request, [row])
        return row


def spent(spend: Spend) -> SafeString | str:
    """`$1.20`, `$1.20 + 2 unknown`, `unknown`; a dash where nothing was called."""
    if not spend.calls:
        return "–"
    if spend.unknown == spend.calls:
        return "unknown"
    known = sum_of_money(spend.known_usd)
    if not spend.unknown:
        return known
    return format_html(
        '{} <span class="quiet" title="Calls whose cost is unknown: they are in no sum">+ {} unknown</span>',
        known,
        f"{spend.unknown:,}",
    )


def moment(when: datetime | None) -> str:
    """On the site's clock: `22 Nov 2026, 15:22`; `never`."""
    return date_format(timezone.localtime(when), "j M Y, H:i") if when else "never"
