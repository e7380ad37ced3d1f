"""Addresses within the usage section: a page and the scope it is to show."""

from functools import lru_cache
from urllib.parse import urlencode

from django.urls import reverse

from conversations.accounting.reports.scope import Scope


def address(page: str, scope: Scope, /, *args: object, **more: object) -> str:
    """Of the page called `page`; `more` are parameters of that page alone, left out when empty."""
    extra = urlencode({name: value for name, value in more.items() if value not in (None, "")})
    query = "&".join(filter(None, (scope.query(), extra)))
    return f"{path_of(page, *args)}?{query}"


@lru_cache(maxsize=64)
def path_of(page: str, *args: object) -> str:
    """Kept, as a page has hundreds of links to a handful of pages."""
    return reverse(f"usage_reports:{page}", args=args)


def rows_behind(scope: Scope, kind: str = "", **filters: object) -> str:
    """The calls a figure is the sum of: those of the scope, narrowed by `filters`; of one `kind` only when given."""
    return address("calls", scope.narrowed(**filters), rows=kind)
