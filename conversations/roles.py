"""The roles of staff: three groups, made once for each database. Whatever an admin makes of them later stays so.

Nobody gets `read_transcripts` with a role: it is given to a person, on purpose. A member signs in to the admin when
the account is also marked as staff.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.migrations import Migration
from django.db.models import Q

MADE_WITH = ("conversations", "0009_support")

LOOKED_AT = (
    "auth.user",
    "auth.group",
    "account.emailaddress",
    "mfa.authenticator",
    *(
        f"conversations.{model}"
        for model in (
            "conversation",
            "generation",
            "usagerecord",
            "catalogentry",
            "modelprice",
            "recompute",
            "budget",
            "alert",
            "tokenratio",
            "exportjob",
            "auditentry",
        )
    ),
)
EVERYTHING = ("view", "add", "change", "delete")

# What each may do: permissions as `app.verb_model`. Those that this version does not have are passed over.
ROLES: dict[str, tuple[str, ...]] = {
    "Support": (
        *(f"{model.partition('.')[0]}.view_{model.partition('.')[2]}" for model in LOOKED_AT),
        "conversations.change_generation",
        "mfa.delete_authenticator",
    ),
    "Finance": (
        "auth.view_user",
        "auth.view_group",
        "conversations.view_usagerecord",
        "conversations.view_auditentry",
        "conversations.view_catalogentry",
        "conversations.view_alert",
        *(f"conversations.{verb}_{model}" for model in ("modelprice", "budget") for verb in EVERYTHING),
        *(f"conversations.{verb}_recompute" for verb in ("view", "add", "change")),
    ),
    "Exports": (
        "auth.view_user",
        "auth.view_group",
        "conversations.view_conversation",
        "conversations.view_exportjob",
        "conversations.export_conversations",
    ),
}


def make_roles(plan: Sequence[tuple[Migration, bool]] = (), **_: Any) -> None:
    """After `migrate`: the groups, when this run of it has applied the migration they came with."""
    applied = {(migration.app_label, migration.name) for migration, backwards in plan if not backwards}
    if MADE_WITH in applied:
        with transaction.atomic():
            for name, permissions in ROLES.items():
                make_role(name, permissions)


def make_role(name: str, permissions: Iterable[str]) -> None:
    group, is_new = Group.objects.get_or_create(name=name)
    if is_new:
        group.permissions.set(permissions_called(permissions))


def permissions_called(names: Iterable[str]) -> list[Permission]:
    wanted = Q(pk=None)
    for name in names:
        app, _, codename = name.partition(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    return list(Permission.objects.filter(wanted))
