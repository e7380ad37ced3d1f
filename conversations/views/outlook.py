"""Below the composer: what the next message will cost, a budget that is nearly used up. And what has been spent."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conversations.access import branch_of, own_conversation
from conversations.accounting.budget_words import spent_so_far
from conversations.accounting.budgets import nearly_used_up
from conversations.accounting.forecast import forecast, history_tokens
from conversations.accounting.reports.spend import NOTHING, Spend, spend_of_conversations
from conversations.models import Conversation, Message
from conversations.views.requests import Request

PARTIAL = "conversations/conversation.html#outlook"
COST = "conversations/conversation.html#conversation_cost"


def outlook(user_key: int, model: str, conversation: Conversation | None, branch: Sequence[Message]) -> dict[str, Any]:
    """For a question to `model` below the end of `branch`. Three light queries at most."""
    account = nearly_used_up(user_key, model)
    return {
        "forecast": forecast(user_key, model, history_tokens(model, branch)),
        "budget_warning": spent_so_far(account) if account else "",
        "conversation": conversation,
    }


def spend_of(conversation: Conversation) -> Spend:
    """What it has cost so far, all its branches and its title."""
    return spend_of_conversations([conversation.pk]).get(conversation.pk, NOTHING)


@login_required
@require_safe
def show(request: Request, conversation_id: UUID | None = None) -> HttpResponse:
    """The same for another model, which the reader has just picked."""
    conversation = own_conversation(request.user, conversation_id) if conversation_id else None
    branch = branch_of(conversation, last=2) if conversation else []
    return render(request, PARTIAL, outlook(request.user.pk, request.GET.get("model", ""), conversation, branch))


@login_required
@require_safe
def cost(request: Request, conversation_id: UUID) -> HttpResponse:
    """What the conversation has cost so far: asked for when its menu opens."""
    conversation = own_conversation(request.user, conversation_id)
    return render(request, COST, {"conversation": conversation, "conversation_spend": spend_of(conversation)})
