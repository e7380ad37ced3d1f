"""A process whose clock is an hour ahead."""

import time
from datetime import datetime, timedelta

import uuid_utils.compat
from django.utils import timezone

AHEAD = timedelta(hours=1)

real_time, real_now, real_uuid7 = time.time, timezone.now, uuid_utils.compat.uuid7


def ahead_time() -> float:
    return real_time() + AHEAD.total_seconds()


def ahead_now() -> datetime:
    return real_now() + AHEAD


def ahead_uuid7() -> object:
    return real_uuid7(nanoseconds=int(ahead_time() * 10**9))


time.time, timezone.now, uuid_utils.compat.uuid7 = ahead_time, ahead_now, ahead_uuid7  # type: ignore[assignment]

from chatsite.settings import *  # noqa: E402, F403
