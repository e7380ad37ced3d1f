"""Names for keys: people, groups and models as a report shows them."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from conversations.models import CatalogEntry
from providers.catalog import find


def user_names(keys: Iterable[int] | None = None) -> dict[int, str]:
    """User names by key, all in one query; of everybody when no keys are given. Deleted users are not among them."""
    people = get_user_model().objects.all()
    if keys is not None:
        people = people.filter(pk__in=set(keys))
    return dict(people.values_list("pk", "username"))


def user_name(key: int, names: dict[int, str]) -> str:
    return names.get(key) or f"deleted user {key}"


def group_names() -> dict[int, str]:
    return dict(Group.objects.order_by("name").values_list("pk", "name"))


def model_titles() -> dict[str, str]:
    """Titles that an admin gave to models, by `provider:model`. For `model_title`."""
    return dict(CatalogEntry.objects.exclude(title="").values_list("model", "title"))


def model_title(model: str, titles: dict[str, str]) -> str:
    """What people know a model by: the admin's title, else the catalogue's, else its own name."""
    provider, _, name = model.partition(":")
    return titles.get(model) or find(provider, name).title
