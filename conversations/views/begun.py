"""What the page gets when an answer has begun: but for names and texts always the same, so a stencil is filled in."""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.html import escape
from uuid_utils.compat import uuid7

from conversations.models import Conversation, Generation, Message, Part
from conversations.models.message import remember
from conversations.stencils import Stencil, cached
from conversations.streaming.hub import HUBS
from conversations.views.composer import PAGE, composer, page_of
from conversations.views.requests import Request
from providers.catalog import ModelInfo

CONVERSATION, QUESTION, ANSWER, RUN = (UUID(int=number, version=4) for number in range(1, 5))
EXAMPLES = {
    "conversation": str(CONVERSATION),
    "question": str(QUESTION),
    "answer": str(ANSWER),
    "run": str(RUN),
    "title": "{title}",
    "text": "{text}",
    "client_key": "{client_key}",
    "csrf_token": "{csrf_token}",
}


def answer_begun(
    request: Request,
    conversation: Conversation,
    generation: Generation | None,
    models: Sequence[ModelInfo],
    partial: str,
) -> HttpResponse:
    """The exchange and what changes around it: the `partial` of the page. Of a run that has just begun.

    Nothing is read again. It shows what was stored then: the run goes on in other threads, and may have ended by now.
    None is a run that had begun before, with the same question: the page shows how far it is.
    """
    if generation is None:
        return page_of(request, conversation, models=models, partial=partial, last=2)
    if hub := HUBS.of_run(generation.pk):
        hub.expect(request.session.session_key)
    question = generation.message.parent
    assert question is not None
    html = stencil(partial, tuple(models), conversation.model, conversation.pinned).filled(
        {
            "conversation": str(conversation.pk),
            "question": str(question.pk),
            "answer": str(generation.message_id),
            "run": str(generation.pk),
            "title": escape(str(conversation)),
            "text": escape(question.text),
            "client_key": str(uuid7()),
            "csrf_token": get_token(request),
        }
    )
    return HttpResponse(html)


@cached
def stencil(partial: str, models: tuple[ModelInfo, ...], model: str, pinned: bool) -> Stencil:
    """Rendered without a request: nothing of whoever asks first stays in it."""
    conversation = Conversation(pk=CONVERSATION, title=EXAMPLES["title"], model=model, pinned=pinned, leaf_id=ANSWER)
    question = Message(pk=QUESTION, conversation=conversation, role=Message.Role.USER)
    answer = Message(pk=ANSWER, conversation=conversation, role=Message.Role.ASSISTANT, parent=question)
    generation = Generation(pk=RUN, conversation=conversation, message=answer, model=model)
    question.sibling_ids, answer.sibling_ids = [QUESTION], [ANSWER]
    said = Part(message=question, index=0, kind=Part.Kind.TEXT, text=EXAMPLES["text"])
    remember(question, parts=[said], generations=[])
    remember(answer, parts=[], generations=[generation])
    remember(generation, segments=[])
    context = {
        **composer(models, None, conversation, generation),
        "conversation": conversation,
        "messages_shown": [question, answer],
        "client_key": EXAMPLES["client_key"],
        "csrf_token": EXAMPLES["csrf_token"],
        "site_name": settings.SITE_NAME,
    }
    return Stencil(render_to_string(f"{PAGE}#{partial}", context), EXAMPLES)
