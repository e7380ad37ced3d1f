"""Exporting: what, how far it is, the file. People export what is theirs; staff with the permission, everybody's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.http import require_POST, require_safe

from conversations.access import found, own_conversation
from conversations.exporting import job as jobs
from conversations.exporting.formats import FORMATS, Name
from conversations.exporting.links import LinkExpired, LinkInvalid, check, link_to
from conversations.exporting.naming import page_name
from conversations.exporting.preview import preview
from conversations.exporting.single import SINGLE
from conversations.models import AuditEntry, ExportJob
from conversations.tasks import run_export
from conversations.views.export_form import ExportForm, ReasonedExportForm, StaffExportForm
from conversations.views.requests import Request

LIST, JOB = "exports/list.html", "exports/job.html"
MAY_EXPORT = "conversations.export_conversations"
# The admin's action leaves the ids of what was selected there here.
PICKED = "export_picked"
SHOWN = 30
MOST_AT_A_TIME = 3
BLOCK = 256 * 1024


def may_export_all(request: Request) -> bool:
    return request.user.has_perm(MAY_EXPORT)


def visible_export(request: Request, export_id: UUID) -> ExportJob:
    """One's own; staff with the permission see everybody's. Anything else is 404."""
    visible = ExportJob.objects.select_related("requested_by").filter(pk=export_id)
    if not may_export_all(request):
        visible = visible.filter(requested_by_id=request.user.pk)
    return found(visible.first())


# --- asking for one ---------------------------------------------------------


@login_required
def exports(request: Request) -> HttpResponse:
    """The form with a preview, and the list. htmx asks for the preview alone, as the form is filled in."""
    if request.method == "POST":
        return begin(request)
    if request.GET.get("picked") == "none":
        request.session.pop(PICKED, None)
    form = (StaffExportForm if may_export_all(request) else ExportForm)(request.GET or {"format": "archive"})
    return page(request, form, partial="preview" if request.htmx else "")


def begin(request: Request) -> HttpResponse:
    everybody = may_export_all(request)
    form = (ReasonedExportForm if everybody else ExportForm)(request.POST)
    if not form.is_valid():
        return page(request, form, status=422)
    if ExportJob.objects.unfinished().filter(requested_by_id=request.user.pk).count() >= MOST_AT_A_TIME:
        form.add_error(None, f"You have {MOST_AT_A_TIME} exports running. Wait for one of them, or cancel it.")
        return page(request, form, status=429)
    selection = form.selection(request.user, picked_in_admin(request))
    with transaction.atomic():
        job = jobs.begin(
            request.user,
            selection,
            everybody=everybody,
            reason=form.cleaned_data.get("reason", ""),
            format=form.cleaned_data["format"],
            pseudonymise=form.cleaned_data.get("pseudonymise", False),
        )
        run_export.delay_on_commit(str(job.pk))
    request.session.pop(PICKED, None)
    return redirect("export", job.pk)


def picked_in_admin(request: Request) -> list[str]:
    return request.session.get(PICKED, []) if may_export_all(request) else []


def page(request: Request, form: ExportForm, *, partial: str = "", status: int = 200) -> HttpResponse:
    picked = picked_in_admin(request)
    context: dict[str, Any] = {"form": form, "picked": len(picked), "everybody": may_export_all(request)}
    if form.is_valid():
        context["preview"] = preview(form.selection(request.user, picked), form.cleaned_data["format"])
    if not partial:
        visible = ExportJob.objects.select_related("requested_by")
        context["jobs"] = (visible if context["everybody"] else visible.filter(requested_by_id=request.user.pk))[:SHOWN]
    return render(request, f"{LIST}#{partial}" if partial else LIST, context, status=status)


# --- one export -------------------------------------------------------------


@login_required
@require_safe
def export(request: Request, export_id: UUID) -> HttpResponse:
    return render(request, JOB, job_context(request, visible_export(request, export_id)))


def job_context(request: Any, job: ExportJob) -> dict[str, Any]:
    """What the page and the last event of its stream show. Only who asked for an export can download it."""
    mine = job.requested_by_id == request.user.pk
    link = link_to(job, request.user) if mine and job.status == ExportJob.Status.DONE else ""
    return {"job": job, "mine": mine, "link": link, "link_hours": settings.EXPORT_LINK_HOURS}


@login_required
@require_POST
def cancel(request: Request, export_id: UUID) -> HttpResponse:
    """Twice does no harm."""
    jobs.cancel(visible_export(request, export_id), request.user)
    return redirect("export", export_id)


@login_required
@require_safe
def download(request: Request, export_id: UUID) -> HttpResponseBase:
    """The file, block by block. The link is for one person and a while; who lost the permission gets nothing."""
    job = found(ExportJob.objects.filter(pk=export_id, requested_by_id=request.user.pk).first())
    if job.everybody and not may_export_all(request):
        raise PermissionDenied
    try:
        check(job, request.user, request.GET.get("key", ""))
    except LinkInvalid as error:
        raise Http404 from error
    except LinkExpired:
        return gone(request, job)
    if job.status != ExportJob.Status.DONE:
        return gone(request, job)
    return file_of(request, job)


def gone(request: Request, job: ExportJob) -> HttpResponse:
    return render(request, "exports/gone.html", job_context(request, job), status=410)


def file_of(request: Request, job: ExportJob) -> HttpResponseBase:
    made = FORMATS[Name(job.format)]
    try:
        file = (settings.EXPORT_DIR / job.file).open("rb")
    except FileNotFoundError:
        return gone(request, job)
    if request.method == "HEAD":
        file.close()
    else:
        AuditEntry.write(
            AuditEntry.Action.EXPORT_DOWNLOADED, request.user, object_key=job.pk, reason=job.reason, bytes=job.bytes
        )
    name = f"{slugify(settings.SITE_NAME) or 'export'}-{job.created_at:%Y-%m-%d}-{job.pk.hex[-6:]}.{made.suffix}"
    headers = {
        "Content-Length": str(job.bytes),
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    body = blocks_of(file) if request.method != "HEAD" else nothing()
    return StreamingHttpResponse(body, content_type=made.media_type, headers=headers)


async def blocks_of(file: BinaryIO) -> AsyncGenerator[bytes]:
    """The file as it is read, so that it never stands in memory."""
    with file:
        while block := await asyncio.to_thread(file.read, BLOCK):
            yield block


async def nothing() -> AsyncGenerator[bytes]:
    return
    yield b""


# --- one conversation, at once ----------------------------------------------


@login_required
@require_safe
def conversation(request: Request, conversation_id: UUID, format_name: str) -> HttpResponse:
    """One's own conversation as a file, without a job."""
    own = own_conversation(request.user, conversation_id)
    made = found(SINGLE.get(format_name))
    name = Path(page_name(str(own), own.pk, made.suffix)).name
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return HttpResponse(made.write(own.pk), content_type=made.media_type, headers=headers)
