"""Lists of millions of rows: counted as far as anybody pages, no further."""

from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet

MOST = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the first `MOST` rows. Counting two million takes a second; whoever wants older ones filters."""

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST)

    @cached_property
    def has_more(self) -> bool:
        return self._counted > MOST

    @cached_property
    def _counted(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by().values("pk")[: MOST + 1].count()


class LongListAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
