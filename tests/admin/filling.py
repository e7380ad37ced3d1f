"""Rows of any model, made from what its fields say: for tests that hold for every page of the admin."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import models
from django.utils import timezone

NUMBERS = count(1)
# What a field of that kind holds in the row of that number; every row has related rows of its own.
VALUES: dict[type[Any], Callable[[int], Any]] = {
    models.EmailField: lambda n: f"somebody{n}@example.org",
    models.URLField: lambda n: f"https://example.org/{n}",
    models.CharField: lambda n: f"provider:name-{n}",
    models.TextField: lambda n: f"Text {n}",
    models.UUIDField: lambda n: uuid4(),
    models.DecimalField: lambda n: Decimal(1 + n % 90),
    models.FloatField: lambda n: 0.5 + n,
    models.IntegerField: lambda n: n % 30_000,
    models.BooleanField: lambda n: False,
    models.DateTimeField: lambda n: timezone.now() - timedelta(minutes=n),
    models.DateField: lambda n: date(2026, 1, 1) + timedelta(days=n % 300),
    models.JSONField: lambda n: {},
}
# Rows that must agree in themselves say here how.
AGREEING: dict[str, Callable[[int], dict[str, Any]]] = {
    "conversations.usagerecord": lambda n: {"reasoning": 0, "corrects": None, "user_key": a_person().pk},
    "conversations.generation": lambda n: {"status": "complete", "events": [failure(n)]},
    "conversations.budget": lambda n: {"scope": "user", "group": None, "model": "", "period": "month"},
    "mfa.authenticator": lambda n: {"type": "totp"},
    "conversations.auditentry": lambda n: {
        "action": "transcript_read",
        "object_key": str(uuid4()),
        "subject_key": a_person().pk,
        "actor_key": 10**9 + n,
    },
}
# Left empty although a row may be named: a tree that has no end.
OPTIONAL = ("conversations.message.parent", "conversations.conversation.leaf", "conversations.usagerecord.corrects")


def failure(number: int) -> dict[str, Any]:
    return {"kind": "failed", "model": f"Model {number}", "next": "Other", "error": "overloaded", "shown": False}


def a_person() -> Any:
    """Somebody new, in a group of their own."""
    person = get_user_model().objects.create(username=f"person{next(NUMBERS)}")
    person.groups.add(Group.objects.create(name=f"group{next(NUMBERS)}"))
    return person


def a_row(model: type[models.Model], **given: Any) -> Any:
    """One row with every field filled that can be."""
    if model is get_user_model():
        return a_person()
    number, label = next(NUMBERS), model._meta.label_lower
    values: dict[str, Any] = AGREEING.get(label, lambda n: {})(number) | given
    for field in model._meta.concrete_fields:
        if field.name not in values and not field.primary_key and f"{label}.{field.name}" not in OPTIONAL:
            values[field.name] = value_of(field, number)
    row = model(**values)
    row.save(force_insert=True)
    return row


def value_of(field: Any, number: int) -> Any:
    if field.is_relation:
        return a_row(field.related_model)
    if field.choices:
        return field.choices[number % len(field.choices)][0]
    kind = next(kind for kind in VALUES if isinstance(field, kind))
    value = VALUES[kind](number)
    longest = getattr(field, "max_length", None)
    return value[-longest:] if longest and isinstance(value, str) else value
