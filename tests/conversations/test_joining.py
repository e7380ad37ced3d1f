"""Continue: the join is invisible, whichever way a model goes on."""

import random
import re
from collections.abc import Sequence

import pytest

from conversations.generating.joining import Join
from tests.providers.recordings import recordings
from tests.rendering.corpus import answers
from tests.seeds import drawn_seed

PLACES = 40
SENTENCE_START = re.compile(r"(?<=[.!?。！？])\s*|\n+")
LONG = [
    recording.expected["text"]
    for api in ("openai_chat", "openai_responses", "anthropic", "google")
    for recording in recordings(api)
    if len(recording.expected["text"]) > 1_000
]


def exactly(said: str, chance: random.Random) -> int:
    return len(said)


def repeating(said: str, chance: random.Random) -> int:
    """From up to 200 characters back, at a word: models repeat words, not halves of them."""
    starts = [match.start() for match in re.finditer(r"(?<!\w)\w|[\u3040-\u9fff]", said)]
    near = [start for start in starts if 12 <= len(said) - start <= 200]
    return chance.choice(near) if near else len(said)


def restarting(said: str, chance: random.Random) -> int:
    return max((match.end() for match in SENTENCE_START.finditer(said[:-1])), default=0)


def joined(said: str, rest: str, chance: random.Random) -> str:
    join, text = Join(said), said
    while rest:
        size = chance.randint(1, 8)
        text += join.feed(rest[:size])
        rest = rest[size:]
    return text + join.rest()


def place(texts: Sequence[str], chance: random.Random) -> tuple[str, int]:
    """A text and where it is cut: not where the text itself says the same twice, which nobody can tell from a join."""
    while True:
        text = chance.choice(texts)
        cut = chance.randrange(60, len(text) - 1)
        if not any(text[cut - length : cut] == text[cut : cut + length] for length in range(3, cut)):
            return text, cut


@pytest.mark.parametrize("goes_on", [exactly, repeating, restarting], ids=lambda way: way.__name__)
def test_no_word_is_doubled_or_lost_at_forty_places(goes_on: object) -> None:
    chance = random.Random(drawn_seed())
    texts = [*LONG, *answers()]
    for _ in range(PLACES):
        text, cut = place(texts, chance)
        said = text[:cut]
        start = goes_on(said, chance)  # type: ignore[operator]
        if not any(character.isalnum() for character in said[start:]):
            start = cut  # a rule of a table or a bracket that begins again looks just like one that goes on

        assert joined(said, text[start:], chance) == text, f"cut at {cut}, went on at {start}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| a | b |\n|---|", "---|\n| 1 | 2 |"),
        ("def f():\n    ", "    return 1"),
        ("0.000", "000 1"),
        ("He said ha", "ha ha"),
        ("deve", "lopment"),
        ("", "Hello"),
    ],
)
def test_what_only_looks_like_a_repetition_stays(old: str, new: str) -> None:
    join = Join(old)

    assert join.feed(new) + join.rest() == new


def test_a_repetition_that_is_never_left_is_dropped() -> None:
    join = Join("All is said and done.")

    assert join.feed("said and") + join.feed(" done.") + join.rest() == ""


def test_new_text_is_shown_as_soon_as_it_is_clear_that_it_is_new() -> None:
    join = Join("The quick brown fox")

    assert [join.feed(delta) for delta in (" jum", "ps", " over")] == [" jum", "ps", " over"]
