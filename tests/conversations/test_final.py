"""What takes the place of an answer at the end of its stream, and what the page offers next."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory

from conversations.models import Generation
from conversations.views.stream import final_html
from tests.conversations.rows import answered, asked

pytestmark = pytest.mark.django_db


def final(generation: Generation) -> str:
    request: Any = RequestFactory().get("/")
    request.user, request.session = generation.conversation.owner, SimpleNamespace()
    return final_html(request, generation.message_id, None)


def test_after_an_answer_one_can_send_again() -> None:
    html = final(answered(asked()))

    assert "message-running" not in html
    assert "data-send" in html
    assert "Answer finished." in html


def test_where_a_continuation_has_begun_by_then_it_listens_and_can_be_stopped() -> None:
    """A process that follows a run of another one may hear of its end only then."""
    partial = answered(asked(), status="interrupted")
    more = partial.conversation.resume_partial(partial.message)

    html = final(partial)

    assert "sse-connect" in html
    assert f"/generations/{more.pk}/stop" in html
    assert "data-send" not in html
    assert "Answering…" in html
