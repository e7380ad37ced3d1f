"""Links to finished exports: signed, for one person, for a while."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.urls import reverse

from conversations.models import ExportJob

SIGNER = TimestampSigner(salt="conversations.exporting.links")


class LinkExpired(Exception):
    """It was a good link, too long ago."""


class LinkInvalid(Exception):
    """It was never a link of this person to this export."""


def link_to(job: ExportJob, user: AbstractBaseUser) -> str:
    key = SIGNER.sign(bound_to(job, user)).removeprefix(f"{bound_to(job, user)}:")
    return f"{reverse('export_download', args=[job.pk])}?key={key}"


def check(job: ExportJob, user: AbstractBaseUser, key: str) -> None:
    """Raises LinkExpired or LinkInvalid."""
    try:
        SIGNER.unsign(f"{bound_to(job, user)}:{key}", max_age=timedelta(hours=settings.EXPORT_LINK_HOURS))
    except SignatureExpired as error:
        raise LinkExpired from error
    except BadSignature as error:
        raise LinkInvalid from error


def bound_to(job: ExportJob, user: AbstractBaseUser) -> str:
    return f"{job.pk}/{user.pk}"
