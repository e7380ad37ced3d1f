"""The page of a conversation and its composer, as several views show them."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from uuid_utils.compat import uuid7

from conversations.access import branch_of
from conversations.forms import QuestionForm
from conversations.generating.offer import Offers
from conversations.models import AuditEntry, Conversation, Generation, Message
from conversations.views.outlook import outlook, spend_of
from conversations.views.requests import Request
from providers.catalog import ModelInfo

PAGE = "conversations/conversation.html"
SHOWN_AT_FIRST = 40


def composer(
    models: Sequence[ModelInfo],
    form: QuestionForm | None = None,
    conversation: Conversation | None = None,
    running: Generation | None = None,
) -> dict[str, Any]:
    """What the composer shows: the models on offer, what was sent if that failed, and the run that can be stopped."""
    sent = form.data if form else {}
    chosen = sent.get("model") or (conversation.model if conversation else "") or models[0].id
    return {
        "form": form,
        "offered_models": models,
        "chosen_model": next((model for model in models if model.id == chosen), models[0]),
        "client_key": sent.get("client_key") or str(uuid7()),
        "running": running,
    }


def page_of(
    request: Request,
    conversation: Conversation,
    *,
    models: Sequence[ModelInfo] = (),
    form: QuestionForm | None = None,
    before: Message | None = None,
    last: int | None = SHOWN_AT_FIRST,
    partial: str = "",
    status: int = 200,
    **extra: object,
) -> HttpResponse:
    """The conversation's page: its `last` messages (None: all) or those `before` one; only its `partial` if named.

    `models` are those on offer, where they are known already, `form` is what was sent and could not be done.
    """
    messages = branch_of(conversation, before=before, last=last)
    running = next((run for run in (message.run for message in messages) if run and run.is_active), None)
    context: dict[str, Any] = {
        "conversation": conversation,
        "messages_shown": messages,
        "has_earlier": bool(messages and messages[0].parent_id),
        **composer(models or Offers().models(), form, conversation, running),
        **extra,
    }
    if not partial and not before:
        context |= {"last_reading": last_reading(request, conversation), "conversation_spend": spend_of(conversation)}
        context |= outlook(request.user.pk, context["chosen_model"].id, conversation, messages)
    template = f"{PAGE}#{partial}" if partial else PAGE
    return render(request, template, context, status=status)


def last_reading(request: Request, conversation: Conversation) -> AuditEntry | None:
    """The latest time somebody else has read it: its owner is told on the page."""
    readings = AuditEntry.objects.readings_of(conversation.pk, conversation.owner_id)
    return readings.exclude(actor_key=request.user.pk).first()
