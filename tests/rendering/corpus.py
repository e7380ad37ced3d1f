"""Corpora of Markdown, from `tests/data/markdown`: specifications, fixtures, answers, attacks."""

import json
import random
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.data import MARKDOWN
from tests.seeds import drawn_seed

SEED = drawn_seed()


@cache
def load(name: str) -> Any:
    return json.loads((MARKDOWN / f"{name}.json").read_text())


def spec_texts() -> Iterator[str]:
    """Every example of the specifications and every fixture of markdown-it."""
    for name in ("commonmark_spec", "gfm_spec"):
        yield from (example["markdown"] for example in load(name))
    for group in load("markdown_it_fixtures").values():
        yield from (example["markdown"] for example in group)


def answers() -> list[str]:
    return [example["answer"] for example in load("llm_answers_own")]


def payloads() -> list[str]:
    return [attack["payload"] for attack in load("xss_payloads")]


def chosen(purpose: str) -> random.Random:
    """A random choice that a failing test can be told to repeat."""
    print(f"seed {SEED} ({purpose})")
    return random.Random(f"{SEED} {purpose}")


def tokens(text: str) -> list[str]:
    """Pieces of the size that a provider sends."""
    return re.findall(r"\s*\S{1,5}|\s+", text)


def answer_of(characters: int) -> str:
    """An answer of about this length with every construct in it."""
    text = "\n\n".join(answers())
    return "\n\n".join([text] * (characters // len(text) + 1))[:characters]
