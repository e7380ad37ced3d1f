"""Pages cost the same queries however long a conversation or a list is."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.accounting.estimating import forget_ratios
from conversations.models import Conversation
from tests.conversations.rows import MODEL, answered, asked, new_conversation

pytestmark = pytest.mark.django_db
MOST = 20


@pytest.fixture
def alice(client: Client, settings: Any) -> Client:
    settings.MODELS = [MODEL]
    new_conversation()
    client.force_login(get_user_model().objects.get(username="alice"))
    return client


def queries(client: Client, path: str) -> int:
    forget_ratios()  # they are read once a minute: here each time, so that counts can be compared
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path)
    assert response.status_code == 200
    return len(captured)


def conversation_of(exchanges: int) -> Conversation:
    conversation = new_conversation()
    for number in range(exchanges):
        answered(asked(conversation, f"{number}?"), f"{number}.")
    return conversation


def test_a_long_conversation_takes_as_many_queries_as_a_short_one(alice: Client) -> None:
    short, long = conversation_of(2), conversation_of(100)

    few = queries(alice, short.get_absolute_url())
    assert queries(alice, long.get_absolute_url()) == few
    assert few <= MOST


def test_a_long_list_takes_as_many_queries_as_a_short_one(alice: Client) -> None:
    few = queries(alice, "/conversations/")
    for _ in range(40):
        conversation_of(1)

    assert queries(alice, "/conversations/") <= few + 1
    assert few <= MOST
