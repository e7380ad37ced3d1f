"""The page of a conversation and its composer, as several views show them."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from uuid_utils.compat import uuid7

from conversations.forms import QuestionForm
from conversations.generating.offer import offered_models
from conversations.models import Conversation, Generation, Message
from conversations.views.requests import Request

PAGE = "conversations/conversation.html"
SHOWN_AT_FIRST = 40


def composer(
    form: QuestionForm, conversation: Conversation | None = None, running: Generation | None = None
) -> dict[str, Any]:
    """What the composer shows: its form, the models on offer, and the run that can be stopped."""
    models = offered_models()
    chosen = form.data.get("model") or (conversation.model if conversation else "") or models[0].id
    return {
        "form": form,
        "offered_models": models,
        "chosen_model": next((model for model in models if model.id == chosen), models[0]),
        "client_key": form.data.get("client_key") or str(uuid7()),
        "running": running,
    }


def page_of(
    request: Request,
    conversation: Conversation,
    *,
    form: QuestionForm | None = None,
    before: Message | None = None,
    last: int | None = SHOWN_AT_FIRST,
    partial: str = "",
    status: int = 200,
    **extra: object,
) -> HttpResponse:
    """The conversation's page: its `last` messages (None: all) or those `before` one; only its `partial` if named."""
    messages = conversation.branch(before=before, last=last)
    running = next((run for run in (message.run for message in messages) if run and run.is_active), None)
    context = {
        "conversation": conversation,
        "messages_shown": messages,
        "has_earlier": bool(messages and messages[0].parent_id),
        **composer(form or QuestionForm(), conversation, running),
        **extra,
    }
    template = f"{PAGE}#{partial}" if partial else PAGE
    return render(request, template, context, status=status)
