"""What an admin says about a model: offered or not, under which name, with which limits."""

from __future__ import annotations

from django.db import models


class CatalogEntry(models.Model):
    """Overrides the built-in catalogue for one model, or adds one to it. Empty fields leave what is built in."""

    model = models.CharField(max_length=200, unique=True, help_text="provider:model, for example openai:gpt-5.5")
    title = models.CharField(max_length=100, blank=True, help_text="The name people pick it by.")
    offered = models.BooleanField(default=True)
    position = models.SmallIntegerField(default=0, help_text="Smaller comes first; the first model is the default.")
    context_tokens = models.PositiveIntegerField(null=True, blank=True)
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True)
    fallbacks = models.CharField(
        max_length=500,
        blank=True,
        help_text="Models that answer when this one cannot, in order: provider:model, separated by commas.",
    )
    fallback_continues = models.BooleanField(
        null=True, blank=True, help_text="After an answer breaks off, the next model goes on in the same message."
    )
    first_event_timeout_s = models.FloatField(null=True, blank=True)
    between_events_timeout_s = models.FloatField(null=True, blank=True)
    longest_run_s = models.FloatField(null=True, blank=True)
    cached = models.BooleanField(
        null=True, blank=True, help_text="The same question is answered from the cache, at no cost."
    )
    cache_shared = models.BooleanField(
        default=False, help_text="Cached answers serve everybody, not only the person who asked first."
    )

    class Meta:
        ordering = ["position", "model"]
        verbose_name_plural = "catalog entries"

    def __str__(self) -> str:
        return self.title or self.model
