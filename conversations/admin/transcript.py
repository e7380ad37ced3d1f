"""Reading somebody's conversation: a permission of its own, a reason, an entry in the log that its owner sees."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from conversations.generating.offer import Offers
from conversations.models import AuditEntry, Conversation, Message
from conversations.models.audit import READING_LASTS

MAY_READ = "conversations.read_transcripts"
FEWEST_WORDS = 3
LONGEST_REASON = 500


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label="Why do you need to read it?",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60, "autofocus": True}),
        help_text="The owner sees this sentence beside your name, for example: Ticket 4711, the answer breaks off.",
        error_messages={"required": "Write why you need to read it."},
    )

    def clean_reason(self) -> str:
        reason = " ".join(self.cleaned_data["reason"].split())
        if len(reason.split()) < FEWEST_WORDS:
            raise forms.ValidationError("Write a few words more: the owner should understand it.", code="short")
        return reason


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def transcript(request: HttpRequest, conversation_id: UUID) -> HttpResponse:
    """Asks why, logs it, shows the conversation for `READING_LASTS`, then asks again. Superusers are asked too."""
    if not request.user.has_perm(MAY_READ):
        raise PermissionDenied
    conversation = get_object_or_404(Conversation.objects.select_related("owner"), pk=conversation_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        begin_reading(request, conversation, form.cleaned_data["reason"])
        return redirect(request.path)
    if request.method != "POST" and (reading := open_reading(request, conversation)):
        return shown(request, conversation, reading)
    return asked(request, conversation, form)


@transaction.atomic
def begin_reading(request: HttpRequest, conversation: Conversation, reason: str) -> None:
    AuditEntry.write(
        AuditEntry.Action.TRANSCRIPT_READ,
        request.user,  # type: ignore[arg-type]
        subject_key=conversation.owner_id,
        object_key=conversation.pk,
        reason=reason,
    )


def open_reading(request: HttpRequest, conversation: Conversation) -> AuditEntry | None:
    """The entry in the log is the ticket: nothing else opens a conversation, so none is read without one."""
    readings = AuditEntry.objects.readings_of(conversation.pk, conversation.owner_id).still_open()
    return readings.filter(actor_key=request.user.pk).first()


def asked(request: HttpRequest, conversation: Conversation, form: ReasonForm) -> HttpResponse:
    status = 422 if form.is_bound else 200
    context = page(request, conversation, "Read a conversation") | {"form": form, "minutes": minutes()}
    return TemplateResponse(request, "admin/conversations/conversation/reason.html", context, status=status)


def shown(request: HttpRequest, conversation: Conversation, reading: AuditEntry) -> HttpResponse:
    """The branch through the message that is asked for, else the one its owner sees; the others are a link away."""
    messages = Message.branch_to(leaf_of(request, conversation), conversation.pk)
    stored = conversation.messages.count()
    context = page(request, conversation, "Transcript") | {
        "reading": reading,
        "until": reading.created_at + READING_LASTS,
        "messages_shown": messages,
        "elsewhere": stored - len(messages),
        "offered_models": Offers().models(),
    }
    return TemplateResponse(request, "admin/conversations/conversation/transcript.html", context)


def leaf_of(request: HttpRequest, conversation: Conversation) -> UUID | None:
    """The end of the branch through `?through=`, a message of this conversation."""
    through = request.GET.get("through", "")
    message = conversation.messages.filter(pk=through).first() if is_uuid(through) else None
    return Message.latest_leaf_below(message).pk if message else conversation.leaf_id


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def page(request: HttpRequest, conversation: Conversation, title: str) -> dict[str, Any]:
    return {**admin.site.each_context(request), "title": title, "conversation": conversation}


def minutes() -> int:
    return int(READING_LASTS.total_seconds() // 60)
