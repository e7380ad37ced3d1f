"""What models cost now, many at a time: for lists of models."""

from collections.abc import Iterable

from django.utils import timezone

from conversations.accounting.pricing import Quote, price_set_by
from conversations.models import ModelPrice
from providers.prices import price_data, price_of


def quotes(names: Iterable[str]) -> dict[str, Quote | None]:
    """By provider:model; None where nobody knows. One query."""
    names, now = list(names), timezone.now()
    begun = ModelPrice.objects.filter(model__in=names, effective_from__lte=now).order_by("effective_from")
    latest = {override.model: override for override in begun}
    found: dict[str, Quote | None] = {}
    for name in names:
        provider, _, model = name.partition(":")
        if override := latest.get(name):
            found[name] = Quote(price_set_by(override), f"override {override.pk}")
        else:
            price = price_of(provider, model, now)
            found[name] = Quote(price, price_data(provider)) if price else None
    return found
