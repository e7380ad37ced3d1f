"""The streamed text: Markdown as models write it, in which every third word or so has a number of its own."""

import itertools
import re
from functools import cache

TOKEN_CHARS = 4
FIRST_TOKEN = b"Yes,"
NUMBERED = re.compile(rb"w(\d{4})")
DELTA = re.compile(rb'"delta":"([^"]*)"')
BLOCKS = (
    "## What {} says about {}\n\n",
    "Here the {} text goes on as **models like {} to** write it, with `{}` as code and a [link to {}]"
    "(https://example.org/) in the {} sentence. It does not say {} much, but it says {} so at the pace of a {} real "
    "answer, and at the length of {} one.\n\n",
    "- the first {} point is short\n- the second {} point has *some {} stress* in it\n- the third {} is the last\n\n",
    "A second paragraph {} without any markup at all, because {} most of what a model {} writes is plain prose: one "
    "sentence {} after the other, {} none of them {} special in any {} way, each as {} long as the one {} before.\n\n",
    "```python\ndef {}(value: int) -> int:\n    return value + {}\n```\n\n",
    "| name | value |\n|---|---|\n| {} | {} |\n| {} | {} |\n\n",
)


def text_of(stream: int, tokens: int) -> str:
    """So many tokens of text. Texts of different streams have the same shape, but no two blocks in common."""
    words = (f"s{stream:03}w{number:04}" for number in itertools.count())
    text = f"{FIRST_TOKEN.decode()} and here is more.\n\n"
    for block in itertools.cycle(BLOCKS):
        if len(text) >= tokens * TOKEN_CHARS:
            return text[: tokens * TOKEN_CHARS]
        text += re.sub(r"\{\}", lambda _: next(words), block)
    raise AssertionError


@cache
def word_ends(tokens: int) -> list[int]:
    """By number: how many characters must have been sent for this word to be whole."""
    return [found.end() for found in NUMBERED.finditer(text_of(0, tokens).encode())]


def last_word_in(text: bytes) -> int:
    """The highest number in a piece of an answer, -1 when there is none."""
    return max(map(int, NUMBERED.findall(text)), default=-1)


def text_in(data: bytes) -> bytes:
    """What a piece of a stream says: of the provider's events only the deltas, in which words are cut anywhere."""
    return b"".join(DELTA.findall(data)) if b"event: response." in data else data
