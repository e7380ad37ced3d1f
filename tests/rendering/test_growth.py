"""Words that are only added to the tail look as if all of it had been parsed again."""

import os

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from conversations.rendering.blocks import Blocks
from tests.rendering.corpus import SEED, answers, chosen, tokens
from tests.rendering.fragments import FRAGMENTS
from tests.rendering.hard_cases import CASES

EXAMPLES = int(os.environ.get("RENDERING_EXAMPLES", "1000")) // 3
WORDS = [
    "word",
    " and",
    " more,",
    " 12",
    " (so)",
    " it's",
    '"',
    ".",
    " ",
    ": ",
    "é",
    " 测试",
    "x_y",
    "www.a.de",
    " a@b.de",
]


def parsed(blocks: Blocks) -> str:
    """What would be shown if the whole tail were parsed now."""
    tail = blocks._tail_of(blocks._source.text)
    return f"{tail.inside}|{tail.below}"


def assert_shown_as_parsed(deltas: list[str]) -> int:
    """How many frames were made without a parse."""
    blocks, unparsed = Blocks(), 0
    for number, delta in enumerate(deltas):
        blocks.feed(delta)
        blocks.advance()
        assert f"{blocks.tail.inside}|{blocks.tail.below}" == parsed(blocks), "".join(deltas[: number + 1])
        unparsed += bool(blocks._growth and blocks._growth.words)
    return unparsed


def test_answers_token_by_token() -> None:
    frames = unparsed = 0
    for answer in chosen("growth").sample(answers(), 4):
        deltas = [*tokens(answer)]
        frames += len(deltas)
        unparsed += assert_shown_as_parsed(deltas)
    print(f"{unparsed / frames:.0%} of {frames} frames without a parse")
    # Of all answers 29 %, of those that are mostly code 8 to 15.
    assert unparsed > frames * 0.1


@pytest.mark.parametrize("name", CASES)
def test_a_hard_case_that_goes_on_in_words(name: str) -> None:
    text = CASES[name][:300]
    for cut in range(0, len(text), 3):
        assert_shown_as_parsed([text[:cut], "word", " and", " more. ", "So "])


@seed(SEED)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.sampled_from(WORDS)), max_size=30))
def test_any_text(deltas: list[str]) -> None:
    assert_shown_as_parsed(deltas)
