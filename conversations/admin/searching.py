"""Search as support people search: a whole id, a person's number, or part of a name or address."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpRequest

PEOPLE_AT_MOST = 200
LARGEST_KEY = 2**63 - 1


class KeySearch(admin.ModelAdmin):  # type: ignore[type-arg]
    """Ids are compared whole, by index; names are looked up among the users first. No scan of a long table."""

    # Columns that hold the id of a row or of something it belongs to, and the one that says whose row it is.
    id_columns: tuple[str, ...] = ("pk",)
    person_column = "user_key"
    search_fields = ("pk",)
    search_help_text = "A whole id, a user's number, or part of a user name or e-mail address."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Nothing for the pick-lists of other forms: they would show what their reader may not see."""
        term = search_term.strip()
        if request.resolver_match and request.resolver_match.url_name == "autocomplete":
            return queryset.none(), False
        return (queryset.filter(self.matching(term)) if term else queryset), False

    def matching(self, term: str) -> Q:
        if key := uuid_of(term):
            return Q(*((column, key) for column in self.id_columns), _connector=Q.OR)
        return Q((f"{self.person_column}__in", keys_of(term)))


def uuid_of(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


def keys_of(term: str) -> list[int]:
    """Keys of the people meant: a number may be somebody's who is gone."""
    number = [int(term)] if term.isdecimal() and int(term) <= LARGEST_KEY else []
    return people_called(term) + number


def people_called(term: str) -> list[int]:
    """Keys of the users with this in their name or address, at most `PEOPLE_AT_MOST`."""
    names = ("username", "email", "first_name", "last_name")
    any_of = Q(*((f"{name}__icontains", term) for name in names), _connector=Q.OR)
    return list(get_user_model().objects.filter(any_of).values_list("pk", flat=True)[:PEOPLE_AT_MOST])
