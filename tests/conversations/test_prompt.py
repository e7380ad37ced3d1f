"""What a model is sent: everything that fits, the oldest turns left out whole, the question always."""

from dataclasses import replace

import pytest

from conversations.generating.caching import cache_key
from conversations.generating.offer import Offer, Offers
from conversations.generating.prompt import request_for
from providers.catalog import ModelInfo
from providers.contract import ChatRequest, Image, Text, Tool, Turn

QUESTION = Turn("user", (Text("What now?"),))


def turns(count: int, length: int) -> list[Turn]:
    return [Turn("assistant" if number % 2 else "user", (Text("x" * length),)) for number in range(count)]


@pytest.fixture
def offer(db: None) -> Offer:
    """A model with a window of 1,000 tokens, of which three quarters may be filled with history."""
    return replace(Offers().of("sim:small"), info=ModelInfo("sim", "small", "Small", 1_000, 100), cached=True)


def test_what_fits_goes_whole(offer: Offer) -> None:
    request, left_out = request_for([*turns(4, 100), QUESTION], "Be brief.", offer)

    assert (len(request.turns), left_out) == (5, 0)


def test_the_oldest_turns_are_left_out_whole(offer: Offer) -> None:
    request, left_out = request_for([*turns(10, 500), QUESTION], "", offer)

    assert left_out == 7
    assert request.turns[-1] == QUESTION
    assert all(len(turn.parts[0].text) == 500 for turn in request.turns[:-1] if isinstance(turn.parts[0], Text))


def test_the_question_goes_even_when_it_alone_is_too_long(offer: Offer) -> None:
    long_question = Turn("user", (Text("x" * 10_000),))
    request, left_out = request_for([*turns(2, 10), long_question], "", offer)

    assert (request.turns, left_out) == ((long_question,), 2)


def test_a_partial_answer_goes_with_the_question_it_answers(offer: Offer) -> None:
    partial = Turn("assistant", (Text("y" * 5_000),))
    request, _ = request_for([*turns(2, 10), QUESTION, partial], "", offer)

    assert request.turns == (QUESTION, partial)


def ask(*parts: Text | Image, **changes: object) -> ChatRequest:
    return ChatRequest("small", (Turn("user", parts or (Text("Hi"),)),), **changes)  # type: ignore[arg-type]


def test_two_users_never_share_a_cached_answer_unless_the_admin_says_so(offer: Offer) -> None:
    shared = replace(offer, cache_shared=True)

    assert cache_key(offer, ask(), 1) != cache_key(offer, ask(), 2)
    assert cache_key(shared, ask(), 1) == cache_key(shared, ask(), 2)


@pytest.mark.parametrize(
    "changed",
    [
        ask(Text("Hi!")),
        ask(system="Be brief."),
        ask(max_output_tokens=5),
        ask(reasoning_effort="low"),
    ],
    ids=["text", "system", "length", "effort"],
)
def test_whatever_can_change_the_answer_changes_the_key(offer: Offer, changed: ChatRequest) -> None:
    assert cache_key(offer, changed, 1) != cache_key(offer, ask(), 1)


@pytest.mark.parametrize(
    "request_",
    [ask(Image(b"png", "image/png")), ask(temperature=0.7), ask(tools=(Tool("f", "", {}),))],
    ids=["image", "temperature", "tools"],
)
def test_images_tools_and_heat_are_not_cached(offer: Offer, request_: ChatRequest) -> None:
    assert cache_key(offer, request_, 1) == ""


def test_a_model_that_nobody_ticked_is_not_cached(offer: Offer) -> None:
    assert cache_key(replace(offer, cached=False), ask(), 1) == ""
