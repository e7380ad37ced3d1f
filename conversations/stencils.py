"""Stencils: markup that is rendered once, with examples, and from then on only filled in.

A template takes longer than most else that is done for a message, and these differ in a few names and texts only.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from django.utils.autoreload import file_changed
from django.utils.safestring import SafeString


class Stencil:
    """`html` with holes where it has the `examples`, which are given by name and stand nowhere else in it."""

    def __init__(self, html: str, examples: Mapping[str, str]) -> None:
        names = {example: name for name, example in examples.items()}
        # What stands around the holes, and the names of these in between, by turns.
        self._pieces = re.split("(" + "|".join(map(re.escape, names)) + ")", html)
        self._names = [names[example] for example in self._pieces[1::2]]

    def filled(self, html: Mapping[str, str]) -> SafeString:
        """`html`, by name, is safe: texts are escaped."""
        pieces = self._pieces.copy()
        pieces[1::2] = [html[name] for name in self._names]
        return SafeString("".join(pieces))


def cached[**Arguments](make: Callable[Arguments, Stencil]) -> Callable[Arguments, Stencil]:
    """`make`, called once for the same arguments; in development again when a file, perhaps its template, changes."""
    kept = lru_cache(maxsize=64)(make)

    def forget(**_: object) -> None:
        kept.cache_clear()

    file_changed.connect(forget, weak=False)
    return kept  # type: ignore[return-value]
