from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Q
from django.test import Client


@pytest.fixture(autouse=True)
def nobody_is_too_fast(settings: Any) -> None:
    """Tests of other things must not meet a limit."""
    settings.RUNS_PER_USER = settings.MESSAGES_PER_MINUTE = 10_000


def person(name: str, *permissions: str, **marks: Any) -> Any:
    """A member of staff who may do that: permissions as `app.codename`."""
    user = get_user_model().objects.create_user(name, f"{name}@example.org", is_staff=True, **marks)
    wanted = Q(pk=None)
    for permission in permissions:
        app, _, codename = permission.partition(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    user.user_permissions.set(Permission.objects.filter(wanted))
    return user


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def carol(db: None) -> Client:
    """A superuser."""
    return signed_in(person("carol", is_superuser=True))
