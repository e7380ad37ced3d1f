"""Prices that an admin sets, and the models that need one. A price that applies is never changed, only followed."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from conversations.accounting.pricing import Unpriced, unpriced_models
from conversations.accounting.recompute import has_priced_calls
from conversations.admin.picking import PicksModel
from conversations.models import AuditEntry, ModelPrice
from conversations.models.usage import PRICED_CLASSES
from conversations.tasks import price_unpriced

LISTED_DAYS = 30
TERMS = ("model", "effective_from", *PRICED_CLASSES, "note")


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_model(self) -> str:
        return str(self.cleaned_data["model"]).strip()


@admin.register(ModelPrice)
class ModelPriceAdmin(PicksModel):
    form = PriceForm
    fieldsets = [
        (None, {"fields": ["model", "effective_from", "note"]}),
        (
            "US dollars per million tokens",
            {
                "fields": [("fresh_input", "output"), ("cache_read", "cache_write")],
                "description": "The same for calls of any length; the price data know dearer rates for long prompts.",
            },
        ),
    ]
    list_display = ["model", "effective_from", "state", "input", "read", "write", "out", "note", "created_by"]
    list_select_related = ["created_by"]
    search_fields = ["model", "note"]
    actions = None

    @admin.display(description="input", ordering="fresh_input")
    def input(self, price: ModelPrice) -> str:
        return usd(price.fresh_input)

    @admin.display(description="cache read", ordering="cache_read")
    def read(self, price: ModelPrice) -> str:
        return usd(price.cache_read)

    @admin.display(description="cache write", ordering="cache_write")
    def write(self, price: ModelPrice) -> str:
        return usd(price.cache_write)

    @admin.display(description="output", ordering="output")
    def out(self, price: ModelPrice) -> str:
        return usd(price.output)

    @admin.display(description="state")
    def state(self, price: ModelPrice) -> str:
        if not price.has_begun:
            return "to come"
        return "replaced" if price.is_replaced else "applies"  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelPrice]:
        later = ModelPrice.objects.filter(model=OuterRef("model"), effective_from__gt=OuterRef("effective_from"))
        begun = later.filter(effective_from__lte=timezone.now())
        prices: QuerySet[ModelPrice] = super().get_queryset(request)
        return prices.annotate(is_replaced=Exists(begun))

    # --- what may be done ---------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: ModelPrice | None = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj and obj.has_begun)

    def has_delete_permission(self, request: HttpRequest, obj: ModelPrice | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.has_begun)

    def save_model(self, request: HttpRequest, obj: ModelPrice, form: Any, change: bool) -> None:
        before = terms_of(ModelPrice.objects.get(pk=obj.pk)) if change else {}
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
        write_audit(request, obj, "changed" if change else "added", before)
        price_unpriced.delay_on_commit()
        if has_priced_calls(obj.model, obj.effective_from):
            self.message_user(request, advice(obj), messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: ModelPrice) -> None:
        write_audit(request, obj, "deleted", terms_of(obj))
        super().delete_model(request, obj)

    # --- pages --------------------------------------------------------------

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """For a model without a price, from its first call on, so that those get their price too."""
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        if first_at := first_call_without_price(initial.get("model", "")):
            initial["effective_from"] = first_at.replace(second=0, microsecond=0)
        return initial

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        extra = {"title": "Prices", "unpriced": unpriced_models(LISTED_DAYS), "listed_days": LISTED_DAYS}
        return super().changelist_view(request, extra | (extra_context or {}))


def first_call_without_price(model: str) -> datetime | None:
    found: list[Unpriced] = unpriced_models() if model else []
    return next((row.first_at for row in found if row.model == model), None)


def usd(rate: Decimal | None) -> str:
    """A rate with at least two digits of cents: $4.50, $0.075."""
    if rate is None:
        return "as input"
    whole, _, cents = f"{rate:,f}".partition(".")
    return f"${whole}.{cents.rstrip('0').ljust(2, '0')}"


def terms_of(price: ModelPrice) -> dict[str, str]:
    return {name: str(value) for name in TERMS if (value := getattr(price, name)) is not None}


def write_audit(request: HttpRequest, price: ModelPrice, verb: str, before: dict[str, str]) -> None:
    AuditEntry.write(
        AuditEntry.Action.PRICE_CHANGED,
        request.user,  # type: ignore[arg-type]
        object_key=price.pk,
        reason=price.note,
        verb=verb,
        price=terms_of(price),
        before=before,
    )


def advice(price: ModelPrice) -> str:
    """What to do about calls that have been booked at another price."""
    begins = timezone.localtime(price.effective_from).isoformat()
    query = urlencode({"model": price.model, "begins_at": begins, "reason": f"New price: {price}"})
    return format_html(
        'Calls since then have been booked at another price. <a href="{}?{}">Recompute what they cost</a>.',
        reverse("admin:conversations_recompute_add"),
        query,
    )
