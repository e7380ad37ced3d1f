"""What is filled in when an answer has begun is what the page's template makes of it."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory
from django.utils.autoreload import file_changed

from conversations.generating.offer import Offers
from conversations.models import Conversation, Generation
from conversations.stencils import Stencil, cached
from conversations.views.begun import EXAMPLES, answer_begun
from tests.conversations.rows import answered, asked, new_conversation

pytestmark = pytest.mark.django_db
# These are new with each response.
NEW = re.compile(r'(name="(?:client_key|csrfmiddlewaretoken)" value=)"[^"]+"')
TEXTS = [
    "Why?",
    "  Two\n\nlines & <b>markup</b> \"quoted\" 'so'\t",
    "{title} {text} {client_key} {html} {{ conversation.pk }} {% csrf_token %}",
    " ".join(EXAMPLES.values()),
    r"\1 \g<0> \\ %s {}",
    "ünï 🙂 ‮ \ufffd",
]


def a_request(user: Any) -> Any:
    request = RequestFactory().post("/")
    request.user, request.session = user, SimpleNamespace(session_key="k")  # type: ignore[assignment]
    return request


def both(generation: Generation, partial: str) -> list[str]:
    """Filled in, and rendered by the template from what is stored."""
    request, models = a_request(generation.conversation.owner), Offers().models()
    conversation = Conversation.objects.get(pk=generation.conversation_id)
    responses = (
        answer_begun(request, generation.conversation, generation, models, partial),
        answer_begun(request, conversation, None, models, partial),
    )
    return [NEW.sub(r'\1""', response.content.decode()) for response in responses]


@pytest.mark.parametrize("text", TEXTS)
def test_a_new_conversation(text: str) -> None:
    owner, model = new_conversation("alice").owner_id, Offers().models()[-1].id
    _, generation = Conversation.begin(owner_id=owner, text=text, model=model, client_key="k")
    assert generation

    filled, rendered = both(generation, "begun")

    assert filled == rendered
    assert f'sse-connect="/messages/{generation.message_id}/stream"' in filled


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_one_question_more(text: str, pinned: bool) -> None:
    conversation = new_conversation("alice")
    conversation.pinned = pinned
    conversation.save()
    asked(conversation, "First?").finish("complete", [], [])

    filled, rendered = both(asked(conversation, text), "exchange")

    assert filled == rendered
    assert (f'id="entry-{conversation.pk}"' in filled) != pinned


def test_the_beginning_is_shown_however_far_the_run_is() -> None:
    generation = asked()
    answered(generation, "All of it.")

    filled, rendered = both(generation, "exchange")

    assert f'sse-connect="/messages/{generation.message_id}/stream"' in filled
    assert "All of it." not in filled
    assert "All of it." in rendered


def test_a_file_that_changes_in_development_makes_a_new_stencil(tmp_path: Path) -> None:
    made = []
    make = cached(lambda name: made.append(name) or Stencil(name, EXAMPLES))  # type: ignore[func-returns-value]
    for _ in range(2):
        make("a")
    file_changed.send(sender=None, file_path=tmp_path / "some.html", kind="changed")
    make("a")

    assert made == ["a", "a"]
