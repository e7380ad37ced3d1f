"""What a reader does with messages: post, edit, regenerate, continue, choose among siblings."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from conversations.access import own_conversation, own_message
from conversations.forms import QuestionForm
from conversations.generating.beginning import begun
from conversations.generating.offer import Offers
from conversations.models import Conversation, Generation, Message
from conversations.views.begun import answer_begun
from conversations.views.composer import page_of
from conversations.views.refusals import REFUSALS, Refusal, refusal_of
from conversations.views.requests import Request


@login_required
@require_POST
def post(request: Request, conversation_id: UUID) -> HttpResponse:
    """Browser form -> question + running answer -> both rendered, the answer listening."""
    conversation = own_conversation(request.user, conversation_id)
    form = QuestionForm(request.POST)
    if not form.is_valid():
        return composer_with_errors(request, conversation, form)
    try:
        generation = begun(lambda: conversation.post(**form.cleaned_data), form.offers)
    except REFUSALS as error:
        return composer_with_errors(request, conversation, form, refusal_of(error))
    if not request.htmx:
        return redirect(conversation)
    return answer_begun(request, conversation, generation, form.offered, "exchange")


def composer_with_errors(
    request: Request, conversation: Conversation, form: QuestionForm, refusal: Refusal | None = None
) -> HttpResponse:
    """The composer again, with its text and what is wrong with it, or why it cannot be answered now."""
    partial = "composer" if request.htmx else ""
    status = refusal.status if refusal else 422
    response = page_of(
        request, conversation, models=form.offered, form=form, partial=partial, status=status, refusal=refusal
    )
    return refusal.said_in(response) if refusal else response


@login_required
def edit(request: Request, message_id: UUID) -> HttpResponse:
    """A question opens as a form; posting it asks again beside the old question."""
    question = own_message(request.user, message_id, Message.Role.USER)
    conversation = question.conversation
    form = QuestionForm(request.POST or None, initial={"text": question.text})
    asked = request.method == "POST" and form.is_valid()
    if asked and has_begun(request, lambda: conversation.edit(question, **form.cleaned_data), form.offers):
        return redirect(conversation)
    status = 422 if form.errors else 200
    return page_of(
        request, conversation, models=form.offered, last=None, status=status, editing=question.pk, edit_form=form
    )


@login_required
@require_POST
def regenerate(request: Request, message_id: UUID) -> HttpResponse:
    """A new sibling of an answer."""
    answer = own_message(request.user, message_id, Message.Role.ASSISTANT)
    conversation = answer.conversation
    return answering(request, conversation, lambda: conversation.regenerate(answer, model=conversation.model))


@login_required
@require_POST
def go_on(request: Request, message_id: UUID) -> HttpResponse:
    """Continue: a new run goes on from the partial answer, in the same message."""
    answer = own_message(request.user, message_id, Message.Role.ASSISTANT)
    if answer.is_whole:
        return redirect(answer.conversation)
    return answering(request, answer.conversation, lambda: answer.conversation.resume_partial(answer))


@login_required
@require_POST
def choose(request: Request, message_id: UUID) -> HttpResponse:
    """Show another version of a turn, and what followed it."""
    message = own_message(request.user, message_id)
    message.conversation.choose(message)
    return redirect(message.conversation)


def answering(request: Request, conversation: Conversation, begin: Callable[[], Generation | None]) -> HttpResponse:
    """Begin a run and show the conversation."""
    has_begun(request, begin)
    return redirect(conversation)


def has_begun(request: Request, begin: Callable[[], Generation | None], offers: Offers | None = None) -> bool:
    """Begin a run; False when it cannot begin now, and then the page says why."""
    try:
        begun(begin, offers)
    except REFUSALS as error:
        notices.warning(request, refusal_of(error).sentence)
        return False
    return True
