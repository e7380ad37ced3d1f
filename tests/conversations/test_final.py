"""What takes the place of an answer at the end of its stream, and what the page offers next."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from conversations.models import Generation, Part
from conversations.views.stream import final_html
from tests.conversations.rows import answered, asked

pytestmark = pytest.mark.django_db


def final(generation: Generation, hub: Any = None) -> str:
    request: Any = RequestFactory().get("/")
    request.user, request.session = generation.conversation.owner, SimpleNamespace()
    return final_html(request, generation.message_id, hub)


def test_after_an_answer_one_can_send_again() -> None:
    html = final(answered(asked()))

    assert "message-running" not in html
    assert "data-send" in html
    assert "Answer finished." in html


def test_the_process_that_wrote_an_answer_reads_none_of_its_rows_again() -> None:
    """Not even to see which run was the last: by then all of it may have been deleted."""
    generation = asked()
    part = Part(message=generation.message, index=0, kind=Part.Kind.TEXT, text="Because.").rendered()
    assert generation.finish("complete", [part], [])
    hub = SimpleNamespace(final=generation.ended_message([part], []))

    with CaptureQueriesContext(connection) as captured:
        html = final(generation, hub)

    assert "Because." in html
    queries = [query["sql"] for query in captured]
    assert [sql for sql in queries if re.search("_(generation|message|part|conversation)[^a-z_]", sql)] == []
    assert len(queries) <= 3


def test_where_a_continuation_has_begun_by_then_it_listens_and_can_be_stopped() -> None:
    """A process that follows a run of another one may hear of its end only then."""
    partial = answered(asked(), status="interrupted")
    more = partial.conversation.resume_partial(partial.message)

    html = final(partial)

    assert "sse-connect" in html
    assert f"/generations/{more.pk}/stop" in html
    assert "data-send" not in html
    assert "Answering…" in html
