"""What the site has learned about tokens, for estimates; docs/estimates.md."""

from django.contrib import admin

from conversations.admin.readonly import ReadOnlyAdmin
from conversations.models import TokenRatio


@admin.register(TokenRatio)
class TokenRatioAdmin(ReadOnlyAdmin):
    list_display = ["family", "side", "characters_per_token", "half_within", "rows", "learned_at"]
    list_filter = ["side"]
    search_fields = ["family"]

    @admin.display(description="characters per token", ordering="-ratio")
    def characters_per_token(self, learned: TokenRatio) -> str:
        return f"{1 / learned.ratio:.2f}" if learned.ratio else "unknown"

    @admin.display(description="half of its calls are within", ordering="median_error")
    def half_within(self, learned: TokenRatio) -> str:
        return f"{learned.median_error:.0%}"
