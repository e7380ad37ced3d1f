"""Rows made with the product's own verbs."""

from uuid import uuid4

from django.contrib.auth import get_user_model

from conversations.accounting.ledger import Call, answer_record
from conversations.models import Conversation, Generation, Part
from providers.contract import Usage

MODEL = "openai:sim"


def new_conversation(name: str = "alice") -> Conversation:
    person, _ = get_user_model().objects.get_or_create(username=name)
    return Conversation.objects.create(owner=person, model=MODEL)


def asked(conversation: Conversation | None = None, text: str = "Why?") -> Generation:
    """The active run of a new question."""
    generation = (conversation or new_conversation()).post(text=text, model=MODEL, client_key=str(uuid4()))
    assert generation
    return generation


def answered(generation: Generation, text: str = "Because.", status: str = "complete") -> Generation:
    """The run, finished with `text`."""
    part = Part(message=generation.message, index=0, kind=Part.Kind.TEXT, text=text)
    call = Call(generation.model, reported=Usage(fresh_input=3, output=2))
    assert generation.finish(status, [part], [answer_record(call, generation, status)])
    return generation


def taken_over(generation: Generation) -> Generation:
    """The run as if another process, which is gone, had begun it."""
    Generation.objects.filter(pk=generation.pk).update(owner="an earlier boot", heartbeat_at="2020-01-01T00:00:00Z")
    generation.refresh_from_db()
    return generation
