"""Recomputes in the admin: a dry run, its difference model by model, the buttons to apply it and to take it back."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST

from conversations.accounting import recompute as recomputing
from conversations.accounting.recompute import Answer, Difference, differences
from conversations.admin.links import page_of
from conversations.admin.picking import PicksModel
from conversations.models import Recompute
from conversations.tasks import work_on_recompute
from conversations.templatetags.shown import sum_of_money

SAID = {
    Answer.BEGUN: (messages.SUCCESS, "It is being done; this page follows it."),
    Answer.COUNTED_ANEW: (
        messages.WARNING,
        "Prices have changed since the dry run: it is counted anew. Look again.",
    ),
    Answer.REFUSED: (
        messages.ERROR,
        "That is not possible now: another recompute is at work, or a later one has corrected the same calls. "
        "Take that one back first.",
    ),
}


class RecomputeForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_ends_at(self) -> datetime:
        ends_at: datetime = self.cleaned_data["ends_at"]
        if ends_at > timezone.now():
            raise forms.ValidationError("Only calls that have been made can be counted.")
        return ends_at

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        begins_at, ends_at = found.get("begins_at"), found.get("ends_at")
        if begins_at and ends_at and begins_at >= ends_at:
            raise forms.ValidationError("It must end after it begins.")
        return found


@admin.register(Recompute)
class RecomputeAdmin(PicksModel):
    form = RecomputeForm
    fields = ["model", "begins_at", "ends_at", "reason"]
    list_display = ["calls_of", "begins_at", "ends_at", "status", "difference", "reason", "created_by"]
    list_select_related = ["created_by"]
    list_filter = ["status"]
    search_fields = ["model", "reason"]
    actions = None

    @admin.display(description="calls of", ordering="model")
    def calls_of(self, recompute: Recompute) -> str:
        return recompute.model or "all models"

    @admin.display(description="difference")
    def difference(self, recompute: Recompute) -> str | None:
        if recompute.status == Recompute.Status.DRAFT:
            return None
        usd = sum((found.usd for found in differences(recompute).values()), recomputing.NOTHING)
        return f"{'+' if usd > 0 else ''}{sum_of_money(usd)}"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Recomputes"} | (extra_context or {}))

    # --- what may be done ---------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: Recompute | None = None) -> bool:
        """Its states change by the buttons of its page alone."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Recompute | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Recompute, form: Any, change: bool) -> None:
        obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
        work_on_recompute.delay_on_commit(str(obj.pk))

    def response_add(self, request: HttpRequest, obj: Recompute, post_url_continue: str | None = None) -> HttpResponse:
        return redirect(page_of("recompute", obj.pk))

    # --- pages --------------------------------------------------------------

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        if begins_at := moment(initial.pop("begins_at", "")):
            initial["begins_at"] = begins_at
        return initial

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        recompute = kwargs.get("obj")
        shown = seen(recompute, may_apply(request)) if recompute else {}
        return super().render_change_form(request, context | shown, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        verbs = {"apply": recomputing.apply, "take-back": recomputing.take_back}
        own = [
            path(f"<uuid:pk>/{verb}/", self.admin_site.admin_view(button(act)), name=f"recompute_{verb}")
            for verb, act in verbs.items()
        ]
        return [*own, *super().get_urls()]


def button(act: Any) -> Any:
    """The view of a button: act, say what came of it, go back to the page."""

    @require_POST
    def pressed(request: HttpRequest, pk: Any) -> HttpResponse:
        if not may_apply(request):
            raise PermissionDenied
        recompute = get_object_or_404(Recompute, pk=pk)
        answer = act(recompute, request.user)
        if answer != Answer.REFUSED:
            work_on_recompute.delay_on_commit(str(recompute.pk))
        messages.add_message(request, *SAID[answer])
        return redirect(page_of("recompute", recompute.pk))

    return pressed


def may_apply(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("conversations.change_recompute"))


def moment(written: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found if found.tzinfo else None


def seen(recompute: Recompute, may: bool) -> dict[str, Any]:
    """What its page shows beside its fields."""
    lines = differences(recompute)
    booked = recompute.corrections.aggregate(
        corrections=Count("pk", filter=Q(reverses=False)),
        usd=Sum("booked__cost_usd", filter=Q(reverses=False)),
        reversals=Count("pk", filter=Q(reverses=True)),
    )
    whole = sum(lines.values(), Difference())
    return {
        "lines": lines,
        "whole": whole,
        "booked": booked,
        "may_apply": may and recompute.status == Recompute.Status.COUNTED and whole.changed,
        "may_take_back": may and recompute.status == Recompute.Status.APPLIED and booked["corrections"],
    }
