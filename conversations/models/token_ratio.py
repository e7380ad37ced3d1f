"""How dense a model family's text is in tokens, for calls whose end was never reported."""

from django.db import models
from django.db.models.functions import Now


class TokenRatio(models.Model):
    """How many tokens a character of one model family's text has, as learned from its reported calls."""

    class Side(models.TextChoices):
        INPUT = "input"
        OUTPUT = "output"

    family = models.CharField(max_length=200, help_text="provider:family, or a provider alone")
    side = models.CharField(max_length=6, choices=Side)
    ratio = models.FloatField(help_text="Tokens per character.")
    rows = models.PositiveIntegerField(help_text="Calls it was learned from.")
    median_error = models.FloatField(help_text="Half of those calls are missed by more than this share.")
    learned_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["family", "side"]
        constraints = [models.UniqueConstraint(fields=["family", "side"], name="one_ratio_per_family_and_side")]

    def __str__(self) -> str:
        return f"{self.ratio:.3f} tokens per character, {self.side} of {self.family}"
