"""Deleting an account: its running answers are stopped and billed, then everything of it goes. The ledger stays."""

from __future__ import annotations

import logging
from functools import partial
from time import monotonic, sleep
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.sessions.models import Session
from django.db import transaction

from conversations.exporting.job import delete_files
from conversations.generating.run import stop_run
from conversations.generating.sweep import end_dead
from conversations.models import Alert, AuditEntry, Conversation, ExportJob, Generation
from conversations.models.generation import GenerationQuerySet

log = logging.getLogger(__name__)

# How long running answers may take to end. One that takes longer is cut off by the deletion; its run bills it then.
PATIENCE_S = 5.0
LOOK_EVERY_S = 0.05


class LastSuperuser(Exception):
    """Without this account nobody could administer the site."""


def is_last_superuser(user: User) -> bool:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()


def delete_account(user: User, by: AbstractBaseUser | None = None) -> None:
    """Everything of `user` at once, on their own wish or `by` somebody else's. Raises LastSuperuser first."""
    if is_last_superuser(user):
        raise LastSuperuser
    stop_answers(Generation.objects.active().filter(conversation__owner_id=user.pk))
    number = user.pk
    _delete(user, by or user)
    log.info("account %s was deleted", number)


def stop_answers(runs: GenerationQuerySet) -> None:
    """Ask all of them to stop and wait for their ends, so that what they used is in the ledger."""
    for run in runs:
        if run.request_stop():
            stop_run(run)
    until = monotonic() + PATIENCE_S
    while runs.exists() and monotonic() < until:
        end_dead(runs.silent())
        sleep(LOOK_EVERY_S)


@transaction.atomic
def _delete(user: User, by: AbstractBaseUser) -> None:
    superusers = User.objects.select_for_update().filter(is_superuser=True, is_active=True).order_by("pk")
    if user.is_superuser and all(each.pk == user.pk for each in superusers):
        raise LastSuperuser
    exports = list(ExportJob.objects.filter(requested_by=user).values_list("pk", flat=True))
    kept: dict[str, Any] = {"conversations": Conversation.objects.filter(owner=user).count(), "exports": len(exports)}
    AuditEntry.write(AuditEntry.Action.ACCOUNT_DELETED, by, subject_key=user.pk, **kept)
    end_sessions(user)
    Alert.forget(user.pk, user.email)
    Conversation.objects.filter(owner=user).lock()
    user.delete()
    for export in exports:
        transaction.on_commit(partial(delete_files, export), robust=True)


def end_sessions(user: User) -> None:
    """Everywhere the account is signed in."""
    for session in Session.objects.iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
