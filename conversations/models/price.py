"""What tokens cost where an admin knows better than the price data."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

NAMED_BY_PROVIDER = RegexValidator(r"^[^:\s]+:\S+$", "Write it as provider:model, for example openai:gpt-5.5.")
# So that the cost of the largest call fits its column.
HIGHEST_RATE = Decimal(10_000)
PER_MILLION = "USD per million tokens."


def rate(help_text: str, *, optional: bool = False) -> models.DecimalField[Any, Any]:
    """A column of US dollars per million tokens."""
    return models.DecimalField(
        max_digits=14,
        decimal_places=6,
        null=optional,
        blank=optional,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(HIGHEST_RATE)],
        help_text=help_text,
    )


class ModelPrice(models.Model):
    """What a model costs from a moment on, whatever the price data say. Once it applies it never changes again.

    A wrong price is put right by a newer one, and what was booked meanwhile by a Recompute.
    """

    model = models.CharField(
        max_length=200,
        validators=[NAMED_BY_PROVIDER],
        help_text="provider:model, as asked or as it answers, for example openai:gpt-5.5",
    )
    effective_from = models.DateTimeField(
        default=timezone.now, help_text="Calls from here on cost this; the latest price that has begun applies."
    )
    fresh_input = rate(f"Input that was not cached. {PER_MILLION}")
    cache_read = rate("Input read from the provider's cache; empty: as fresh input.", optional=True)
    cache_write = rate("Input written to that cache; empty: as fresh input.", optional=True)
    output = rate(f"Output, reasoning included. {PER_MILLION}")
    note = models.CharField(max_length=200, blank=True, help_text="Where this price comes from.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["model", "-effective_from"]
        constraints = [
            models.UniqueConstraint(fields=["model", "effective_from"], name="one_price_per_model_and_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.model} from {self.effective_from:%Y-%m-%d %H:%M}"

    @property
    def has_begun(self) -> bool:
        """Rows may carry it already, so it is not to be changed."""
        return self.effective_from <= timezone.now()
