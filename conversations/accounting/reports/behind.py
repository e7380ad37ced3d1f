"""The rows behind a figure: what a list of calls can be narrowed to, so that each figure leads to what it counts."""

from django.db.models import Q

from conversations.accounting.reports.sums import KINDS

CALL = Q(corrects=None)
# With the corrections of those rows, except where a figure is about calls alone.
ROWS = {
    **KINDS,
    "unpriced": CALL & Q(cost_usd=None),
    "uncounted": CALL & Q(output=None),
    "cached": Q(saved_usd__gt=0) | Q(cache_read__gt=0) | Q(cache_write__gt=0),
    "corrections": ~CALL,
}
