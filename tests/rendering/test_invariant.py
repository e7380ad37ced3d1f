"""Whatever the deltas: the finished blocks are the render of the whole text, byte for byte."""

import codecs
import os
from itertools import batched

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from conversations.rendering.blocks import Blocks
from conversations.rendering.markdown import render
from tests.rendering.corpus import SEED, answer_of, answers, chosen, spec_texts
from tests.rendering.fragments import FRAGMENTS, LINES
from tests.rendering.hard_cases import CASES
from tests.rendering.streaming import assert_equals_render, finished_html, pieces, streamed, whole

EXAMPLES = int(os.environ.get("RENDERING_EXAMPLES", "1000"))


def test_every_example_of_the_specifications_fed_character_by_character() -> None:
    assert len([*spec_texts()]) == 652 + 672 + 302
    texts = set(spec_texts())
    late = [text for text in texts if assert_equals_render(text, text).has_late_references]

    assert len(late) < len(texts) * 0.03


@pytest.mark.parametrize("name", CASES)
def test_a_hard_case_in_pieces_of_every_size(name: str) -> None:
    text = CASES[name]
    for size in (1, 2, 3, 5, 7, 11, 1000):
        for offset in range(min(size, 7)):
            assert_equals_render(text, pieces(text, size, offset))


@pytest.mark.parametrize("name", CASES)
def test_where_a_block_ends_does_not_depend_on_the_deltas(name: str) -> None:
    by_character = streamed(CASES[name])
    at_once = streamed([CASES[name]])

    assert [block.end for block in by_character.finished] == [block.end for block in at_once.finished]


def test_answers_split_at_some_points() -> None:
    choice = chosen("split points")
    for answer in answers():
        for cut in choice.sample(range(len(answer)), 15):
            assert_equals_render(answer, [answer[:cut], answer[cut:]])


@pytest.mark.slow
def test_some_answers_split_at_every_point() -> None:
    for answer in chosen("answers").sample(answers(), 2):
        for cut in range(len(answer)):
            assert_equals_render(answer, [answer[:cut], answer[cut:]])


def test_answers_in_bytes_behind_an_incremental_decoder() -> None:
    for number, answer in enumerate(answers()):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        deltas = [decoder.decode(bytes(part)) for part in batched(answer.encode(), number % 4 + 1)]
        assert_equals_render(answer, [*deltas, decoder.decode(b"", final=True)])


def test_a_long_answer_that_arrives_in_uneven_bursts() -> None:
    choice = chosen("bursts")
    text = answer_of(20_000)
    deltas, start = [], 0
    while start < len(text):
        deltas.append(text[start : start + choice.randrange(1, 400)])
        start += len(deltas[-1])

    assert_equals_render(text, deltas)


def test_many_deltas_in_one_frame_are_like_one() -> None:
    text = answers()[0]
    blocks = Blocks()
    for character in text:
        blocks.feed(character)
    blocks.finish()

    assert finished_html(blocks) == whole(text)


def test_code_above_2_kb_is_plain_in_the_stream_and_coloured_in_the_render() -> None:
    text = "```python\n" + "def double(x): return 2 * x\n" * 100 + "```\n"

    assert finished_html(streamed([text])) == whole(text)
    assert '<span class="k">' not in whole(text)
    assert '<span class="k">' in render(text)


@pytest.mark.parametrize(
    ("text", "is_known"),
    [
        ("# Title\n\n- one\n- two\n\n```python\nx = 1\n```\n\n| a |\n|---|\n| b |\n", True),
        ("```python\n" + "def double(x): return 2 * x\n" * 100 + "```\n", False),
        ("- item\n\n  ```python\n" + "  x = 1\n" * 200 + "  ```\n", False),
        ("```no-language\n" + "x = 1\n" * 500 + "```\n", True),
        ("See [this].\n\n[this]: https://example.org/\n", False),
        ("|" + "a|" * 300 + "\n|" + "-|" * 300 + "\n" + "|b|\n" * 300, False),
    ],
    ids=["plain", "long code", "long code in a list", "no language", "late reference", "large table"],
)
def test_what_a_viewer_holds_at_the_end_is_stored_where_it_is_the_render(text: str, is_known: bool) -> None:
    assert streamed(pieces(text, 40)).final_html() == (render(text) if is_known else None)


@seed(SEED)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    st.one_of(
        st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join),
        st.lists(st.sampled_from(LINES), max_size=25).map("\n".join),
    ),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_any_text_in_any_pieces(text: str, sizes: list[int]) -> None:
    deltas, start = [], 0
    while start < len(text):
        deltas.append(text[start : start + sizes[len(deltas) % len(sizes)]])
        start += len(deltas[-1])
    assert_equals_render(text, deltas)
