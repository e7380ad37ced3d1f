"""How far an export is, as server-sent events. As with answers, every ending is status 200 and one `done`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, StreamingHttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from chatsite.draining import DRAINING
from chatsite.lanes import in_database
from conversations.models import ExportJob
from conversations.streaming.frames import frame
from conversations.streaming.viewer import COME_BACK_SOON, HEARTBEAT, only_final, retry_line
from conversations.views.exports import JOB, job_context, visible_export
from conversations.views.requests import Request
from conversations.views.stream import event_stream

LOOK_EVERY_S = 0.5


@require_safe
def stream(request: Request, export_id: UUID) -> StreamingHttpResponse:
    """Changes of the export, to its end."""
    if not request.user.is_authenticated:
        return event_stream(only_final(render_to_string(f"{JOB}#signed_out", {"export_id": export_id})))
    try:
        visible_export(request, export_id)
    except Http404:
        if "Last-Event-ID" in request.headers:
            return event_stream(only_final(render_to_string(f"{JOB}#deleted", {"export_id": export_id})))
        raise
    return event_stream(watch(request, export_id))


async def watch(request: Request, export_id: UUID) -> AsyncGenerator[bytes]:
    """One look at the row every half second; an event when something has changed, a heartbeat when nothing has."""
    yield retry_line()
    until, spoke, shown = monotonic() + settings.STREAM_LIFE_S, monotonic(), ""
    while monotonic() < until and not DRAINING.closing:
        html, ended = await in_database(look)(request, export_id)
        if ended:
            yield frame("done", html, f"{export_id}.end")
            return
        if html != shown:
            yield frame("delta", html, str(export_id))
            shown, spoke = html, monotonic()
        elif monotonic() - spoke > settings.HEARTBEAT_S:
            yield HEARTBEAT
            spoke = monotonic()
        await asyncio.sleep(LOOK_EVERY_S)
    if not DRAINING.closing:
        yield COME_BACK_SOON


def look(request: Request, export_id: UUID) -> tuple[str, bool]:
    """(what the page shall show, whether that is the last of it)"""
    job = ExportJob.objects.filter(pk=export_id).select_related("requested_by").first()
    if job is None:
        return render_to_string(f"{JOB}#deleted", {"export_id": export_id}), True
    if job.is_unfinished:
        return render_to_string(f"{JOB}#progress", {"job": job, "swap": True}), False
    context: dict[str, Any] = {**job_context(request, job), "swap": True}
    return render_to_string(f"{JOB}#job", context, request), True
