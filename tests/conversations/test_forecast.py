"""What the next message will cost: as dear as what is sent along and a usual answer, never zero for unknown."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.accounting.forecast import USUAL_ANSWER_TOKENS, Forecast, forecast, history_tokens
from conversations.accounting.ledger import Call, answer_record
from conversations.models import Budget, Conversation, ModelPrice, Part
from providers.contract import Usage
from tests.conversations.rows import new_conversation

pytestmark = pytest.mark.django_db
MODEL, UNPRICED = "openai:sim", "local:sim"


@pytest.fixture(autouse=True)
def prices(settings: Any) -> None:
    """A thousand tokens of output cost a cent, a thousand of input a tenth of one."""
    settings.MODELS = [MODEL, UNPRICED, "demo:demo"]
    ModelPrice.objects.create(model=MODEL, fresh_input=1, output=10, effective_from="2020-01-01T00:00:00Z")


@pytest.fixture
def alice() -> Any:
    return get_user_model().objects.create(username="alice")


def exchange(conversation: Conversation, used: Usage, model: str = MODEL, text: str = "Because.") -> None:
    generation = conversation.post(text="Why?", model=model, client_key=str(uuid4()))
    assert generation
    part = Part(message=generation.message, index=0, kind=Part.Kind.TEXT, text=text)
    assert generation.finish(
        "complete", [part], [answer_record(Call(model, reported=used), generation, "complete")], finish_reason="stop"
    )


def page(client: Client, conversation: Conversation | None, user: Any) -> str:
    client.force_login(user)
    return client.get(conversation.get_absolute_url() if conversation else "/").content.decode()


def test_what_was_counted_for_the_last_answer_is_the_history_of_the_next_question() -> None:
    conversation = new_conversation()
    exchange(conversation, Usage(fresh_input=100, output=50))
    exchange(conversation, Usage(fresh_input=200, cache_read=300, output=80, reasoning=30))

    assert history_tokens(MODEL, conversation.branch()) == 200 + 300 + 50


def test_what_nobody_has_counted_is_estimated_from_its_length() -> None:
    conversation = new_conversation()
    generation = conversation.post(text="W" * 400, model=MODEL, client_key="1")
    assert generation
    generation.finish("stopped", [Part(message=generation.message, index=0, kind="text", text="A" * 800)], [])

    assert history_tokens(MODEL, conversation.branch()) == 300


def test_a_usual_answer_is_the_median_of_the_readers_own(alice: Any) -> None:
    bob = new_conversation("bob")
    exchange(bob, Usage(fresh_input=1, output=100_000))
    assert forecast(alice.pk, MODEL, 1_000).total_usd == Decimal("0.001") + USUAL_ANSWER_TOKENS * Decimal("0.00001")

    for output in (10, 300, 2_000):
        exchange(new_conversation("alice"), Usage(fresh_input=1, output=output))

    assert forecast(alice.pk, MODEL, 1_000) == Forecast(Decimal("0.004"), Decimal("0.001"))


def test_an_unknown_price_is_unknown_and_a_free_model_is_free(alice: Any) -> None:
    assert forecast(alice.pk, UNPRICED, 1_000) == Forecast(None, None)
    assert forecast(alice.pk, "demo:demo", 1_000).is_free


@pytest.mark.parametrize(
    ("total", "history", "dear"),
    [("0.2", "0.19", True), ("0.2", "0.09", False), ("0.06", "0.04", False), (None, None, False)],
)
def test_a_history_is_dear_when_it_is_most_of_a_cost_that_is_not_little(
    total: str | None, history: str | None, dear: bool
) -> None:
    costs = (Decimal(value) if value else None for value in (total, history))

    assert Forecast(*costs).history_is_dear is dear


# --- below the composer -----------------------------------------------------


def test_the_composer_says_what_the_next_message_costs_and_how_much_of_it_is_history(
    client: Client, alice: Any
) -> None:
    conversation = new_conversation("alice")
    exchange(conversation, Usage(fresh_input=8_000, output=2_000))

    html = page(client, conversation, alice)

    assert "Next message: about $0.015, $0.010 of it for the conversation so far." in html
    assert "Cost so far: $0.0280" in html
    assert "Next message: about $0.0050." in page(client, None, alice)


def test_a_long_dear_conversation_suggests_a_new_one(client: Client, alice: Any) -> None:
    conversation = new_conversation("alice")
    exchange(conversation, Usage(fresh_input=90_000, output=1_000))

    assert '<a href="/">a new one</a> costs less.' in page(client, conversation, alice)


def test_another_model_that_is_picked_brings_its_own_cost(client: Client, alice: Any) -> None:
    conversation = new_conversation("alice")
    exchange(conversation, Usage(fresh_input=8_000, output=2_000))
    client.force_login(alice)
    address = f"{conversation.get_absolute_url()}outlook"

    assert "cost unknown" in client.get(address, {"model": UNPRICED}).content.decode()
    assert "Next message" not in client.get(address, {"model": "demo:demo"}).content.decode()
    assert "about $0.015" in client.get(address, {"model": MODEL}).content.decode()
    assert client.get("/outlook", {"model": MODEL}).status_code == 200


def test_what_somebody_elses_conversation_costs_is_not_told(client: Client, alice: Any) -> None:
    conversation = new_conversation("bob")
    client.force_login(alice)

    assert client.get(f"{conversation.get_absolute_url()}outlook", {"model": MODEL}).status_code == 404


def test_it_costs_few_queries(client: Client, alice: Any) -> None:
    conversation = new_conversation("alice")
    exchange(conversation, Usage(fresh_input=8_000, output=2_000))
    client.force_login(alice)
    with CaptureQueriesContext(connection) as free:
        client.get("/outlook", {"model": UNPRICED})
    with CaptureQueriesContext(connection) as priced:
        client.get("/outlook", {"model": MODEL})

    # One for the usual answer; the others are the session, the person, prices, ratios and budgets.
    assert len(priced) <= len(free) + 1 <= 6


def test_a_budget_that_is_nearly_used_up_is_told_once_and_calmly(client: Client, alice: Any) -> None:
    for name, limit in (("Tight", "0.03"), ("Wide", "0.034"), ("Wider", "1")):
        Budget.objects.create(name=name, limit_usd=Decimal(limit), hard=False)
    Budget.objects.create(name="Other model", limit_usd=Decimal("0.001"), scope="model", model=UNPRICED)
    conversation = new_conversation("alice")
    exchange(conversation, Usage(fresh_input=8_000, output=2_000))

    html = page(client, conversation, alice)

    assert html.count("this month.") == 1
    assert "You have used $0.03 of $0.03 this month." in html
