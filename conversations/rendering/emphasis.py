"""Emphasis beside Chinese, Japanese and Korean text, where words are not separated by blanks.

CommonMark leaves `**“测试”**句子` literal: a run of markers after punctuation closes only before a blank or
punctuation. Here a neighbouring CJK character counts like a blank, and CJK punctuation like a letter, as in
https://github.com/tats-u/markdown-cjk-friendly. Runs that touch no CJK character are left to CommonMark's own rules.
"""

import unicodedata
from functools import lru_cache

from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter

WIDTH = {"*": 1, "_": 1, "~": 2}


def cjk_emphasis(state: StateInline, silent: bool) -> bool:
    """Inline rule: push the markers of a run that touches a CJK character."""
    marker = state.src[state.pos]
    if silent or marker not in WIDTH:
        return False
    end = end_of_run(state)
    before = state.src[state.pos - 1] if state.pos else " "
    after = state.src[end] if end < state.posMax else " "
    if not (_is_cjk(before) or _is_cjk(after)) or (end - state.pos) % WIDTH[marker]:
        return False
    _push_run(state, marker, end - state.pos, *_flanks(marker, before, after))
    state.pos = end
    return True


def end_of_run(state: StateInline) -> int:
    """Position after the run of equal characters at `state.pos`."""
    end = state.pos
    while end < state.posMax and state.src[end] == state.src[state.pos]:
        end += 1
    return end


def _push_run(state: StateInline, marker: str, size: int, opens: bool, closes: bool) -> None:
    width = WIDTH[marker]
    for _ in range(size // width):
        state.push("text", "", 0).content = marker * width
        token = len(state.tokens) - 1
        length = size if width == 1 else 0
        state.delimiters.append(Delimiter(ord(marker), length, token, end=-1, open=opens, close=closes))


def _flanks(marker: str, before: str, after: str) -> tuple[bool, bool]:
    """Can a run between these two characters open, can it close?"""
    left = not _is_blank(after) and (not _is_western_punctuation(after) or _is_edge(before))
    right = not _is_blank(before) and (not _is_western_punctuation(before) or _is_edge(after))
    if marker != "_":
        return left, right
    return left and (not right or _is_punctuation(before)), right and (not left or _is_punctuation(after))


def _is_edge(char: str) -> bool:
    return _is_blank(char) or _is_punctuation(char) or _is_cjk(char)


def _is_blank(char: str) -> bool:
    return isWhiteSpace(ord(char))


def _is_punctuation(char: str) -> bool:
    return isMdAsciiPunct(ord(char)) or isPunctChar(char)


def _is_western_punctuation(char: str) -> bool:
    return _is_punctuation(char) and not _is_cjk(char)


@lru_cache(maxsize=4096)
def _is_cjk(char: str) -> bool:
    """Wide, full-width or half-width; emoji are wide too but belong to no script."""
    return unicodedata.east_asian_width(char) in "WFH" and unicodedata.category(char) != "So"
