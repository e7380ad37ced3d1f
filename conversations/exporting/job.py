"""A job as a worker does it: claimed, written batch by batch, put together. Another worker can go on with it."""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import InterfaceError, OperationalError, transaction

from chatsite.logs import speaking_of
from conversations.exporting.formats import FORMATS, Name
from conversations.exporting.packing import About, sha256_of
from conversations.exporting.pseudonyms import pseudonyms_of_site
from conversations.exporting.selection import Selection
from conversations.exporting.spool import Spool
from conversations.exporting.writing import pack_into, write_all
from conversations.models import AuditEntry, ExportJob
from conversations.models.conversation import ConversationQuerySet

log = logging.getLogger(__name__)

BEAT_EVERY_S = 1.0
NO_SPACE = "There is no space left on the server's disk. An admin can make room; then begin the export again."
INTERNAL = "Something went wrong on this site; the error has been logged. Begin the export again."


class NotMine(Exception):
    """The job was cancelled or deleted, or another worker has it."""


# --- what people do ---------------------------------------------------------


@transaction.atomic
def begin(user: AbstractBaseUser, selection: Selection, *, everybody: bool, reason: str = "", **how: Any) -> ExportJob:
    """A new job, not yet handed to a worker; `how` is its format and whether people get pseudonyms."""
    job = ExportJob.objects.create(
        requested_by_id=user.pk, everybody=everybody, filters=selection.to_json(), reason=reason, **how
    )
    job.refresh_from_db()
    subject = selection.user if everybody else user.pk
    details = {"format": job.format, "filters": shortened(job.filters), "pseudonymised": job.pseudonymise}
    AuditEntry.write(
        AuditEntry.Action.EXPORT_BEGUN, user, subject_key=subject, object_key=job.pk, reason=reason, **details
    )
    return job


def shortened(filters: dict[str, Any]) -> dict[str, Any]:
    """The filters for the audit log, where thousands of ids would bury everything else."""
    picked = filters.get("conversations", [])
    return {**filters, "conversations": f"{len(picked)} picked ones"} if len(picked) > 20 else filters


@transaction.atomic
def cancel(job: ExportJob, user: AbstractBaseUser) -> bool:
    """False when it had ended. Its files go with it."""
    if not job.cancel():
        return False
    AuditEntry.write(AuditEntry.Action.EXPORT_CANCELLED, user, object_key=job.pk)
    return True


def selection_of(job: ExportJob) -> Selection:
    """What the job may export: whatever its filters say, only the requester's own unless it is for everybody."""
    filters = job.filters if job.everybody else {**job.filters, "user": job.requested_by_id}
    return Selection.from_json(filters)


def conversations_of(job: ExportJob) -> ConversationQuerySet:
    """Those there were when the job was begun: what is begun while it runs is not part of it."""
    return selection_of(job).found().filter(created_at__lte=job.created_at)


# --- what a worker does -----------------------------------------------------


def run(job_id: UUID) -> None:
    """Do the job, or go on with it. Does nothing when it has ended or somebody else is at it."""
    job = ExportJob.objects.filter(pk=job_id).first()
    if job is None or not job.claim():
        return
    try:
        with speaking_of({"export": str(job.pk), "user": str(job.requested_by_id)}), failures_told(job):
            work(job)
    except NotMine:
        if is_left_over(job.pk.hex):
            delete_files(job.pk)


def work(job: ExportJob) -> None:
    alive = pulse_of(job)
    spool = spool_of(job)
    try:
        write(job, spool, alive)
        finish(job, spool, alive)
    finally:
        spool.close()


def spool_of(job: ExportJob) -> Spool:
    """What is written so far; from the beginning again where that is not on the disk any more."""
    assert job.token is not None
    spool = Spool(folder_of(job.pk), job.token, job.written)
    if spool.is_intact:
        return spool
    log.warning("export %s begins again: its files are gone", job.pk)
    job.position, job.done, job.messages, job.written = None, 0, 0, []
    return Spool(folder_of(job.pk), job.token)


def write(job: ExportJob, spool: Spool, alive: Any) -> None:
    conversations = conversations_of(job)
    if job.total is None and not job.has_total(conversations.count()):
        raise NotMine
    pseudonyms = pseudonyms_of_site(job.pk) if job.pseudonymise else None
    written = write_all(
        conversations, FORMATS[Name(job.format)], spool, pseudonyms=pseudonyms, after=job.position, alive=alive
    )
    for batch in written:
        done, messages = job.done + batch.conversations, job.messages + batch.messages
        if not job.checkpoint(batch.last, done, messages, spool.flush()):
            raise NotMine


def finish(job: ExportJob, spool: Spool, alive: Any) -> None:
    assert job.token is not None
    made = FORMATS[Name(job.format)]
    file = f"{job.pk.hex}/{job.token.hex}.{made.suffix}"
    path = settings.EXPORT_DIR / file
    pack_into(path, made, spool, about(job), alive=alive)
    path.chmod(0o600)
    if not job.finish(file, path.stat().st_size, sha256_of(path)):
        raise NotMine
    for other in folder_of(job.pk).iterdir():
        if other != path:
            discard(other)
    log.info("export %s is done: %d conversations", job.pk, job.done)


def about(job: ExportJob) -> About:
    filters = {} if job.pseudonymise else selection_of(job).to_json()
    return About(settings.SITE_NAME, job.created_at, filters, job.pseudonymise, job.done, job.messages)


def pulse_of(job: ExportJob) -> Any:
    """To be called all the time: shows every second that the worker lives, and raises NotMine when it shall stop."""
    heard = monotonic()

    def alive() -> None:
        nonlocal heard
        if monotonic() - heard > BEAT_EVERY_S:
            if not job.beat():
                raise NotMine
            heard = monotonic()

    return alive


@contextmanager
def failures_told(job: ExportJob) -> Iterator[None]:
    """What goes wrong becomes a sentence for whoever asked. Where the database is away the sweep tries again."""
    try:
        yield
    except (NotMine, OperationalError, InterfaceError):
        raise
    except BaseException as error:
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if job.fail(NO_SPACE if full else INTERNAL):
            delete_files(job.pk)
        raise


# --- what is swept ----------------------------------------------------------


def silent_jobs() -> list[UUID]:
    """Jobs that somebody has to take up: their worker, or the message to it, is gone. Hopeless ones are ended."""
    for job in ExportJob.objects.silent():
        if job.give_up():
            log.error("export %s was given up", job.pk)
            delete_files(job.pk)
    return [job.pk for job in ExportJob.objects.silent() if job.ask_again()]


def expire() -> int:
    """Delete what is too old, and the folders of jobs that left none. Returns how many exports have expired."""
    expired = [job for job in ExportJob.objects.outdated() if job.expire()]
    if settings.EXPORT_DIR.exists():
        for folder in settings.EXPORT_DIR.iterdir():
            if is_left_over(folder.name):
                discard(folder)
    return len(expired)


def is_left_over(name: str) -> bool:
    """A folder of ours whose job is gone or keeps no file."""
    try:
        job_id = UUID(hex=name)
    except ValueError:
        return False
    return not ExportJob.objects.with_files().filter(pk=job_id).exists()


# --- files ------------------------------------------------------------------


def folder_of(job_id: UUID) -> Path:
    folder: Path = settings.EXPORT_DIR / job_id.hex
    return folder


def delete_files(job_id: UUID) -> None:
    discard(folder_of(job_id))


def discard(path: Path) -> None:
    """Delete a file or folder; another process may be deleting it, too."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
