r"""TeX formulas: `$$…$$` and `\[…\]` as blocks, `$…$`, `$$…$$` and `\(…\)` within a line, shown as MathML.

Never latex2mathml: its `\text{}` copies markup through. math-core raises on what it does not know; then the source is
shown. Its output still goes through an allow-list.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import nh3
from django.utils.html import escape
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from math_core import LatexError, LatexToMathML

BLOCK_CLOSINGS = {"$$": "$$", r"\[": r"\]"}
LONGEST_FORMULA = 4096
LONGEST_MATHML = 65_536
ALIGNMENT = re.compile(r"text-align: (left|right|center)")
TEX_SIGN = re.compile(r"[\\^_={}+*/<>]|^\w$")
STYLE = re.compile(r' style="([^"]*)"')

MATHML_TAGS = """
    math mi mn mo ms mtext mspace mrow mfrac msqrt mroot mstyle merror mpadded mphantom menclose msub msup msubsup
    munder mover munderover mmultiscripts mprescripts none mtable mtr mtd mlabeledtr semantics
"""
MATHML_ATTRIBUTES = """
    display displaystyle scriptlevel mathvariant mathsize stretchy symmetric fence separator form accent accentunder
    lspace rspace minsize maxsize largeop movablelimits linethickness width height depth voffset notation class
    columnalign rowalign columnspacing rowspacing columnlines rowlines frame columnspan rowspan intent arg
"""

_tex = LatexToMathML(continue_on_error=False, fancy_error=False, max_expansions=100)
_cleaner = nh3.Cleaner(tags=set(MATHML_TAGS.split()), attributes={"*": set(MATHML_ATTRIBUTES.split())}, link_rel=None)


def math_block(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Block rule: opening at the start of a line, closing at the end of one, no blank line inside."""
    opening = _line(state, first)[:2]
    if opening not in BLOCK_CLOSINGS or state.is_code_block(first):
        return False
    found = _read_block(state, first, end, BLOCK_CLOSINGS[opening])
    if found is None or silent:
        return found is not None
    token = state.push("math_block", "math", 0)
    token.block, token.markup, token.map = True, opening, [first, found.end]
    token.content, token.meta["unfinished"] = found.formula, found.is_unfinished
    state.line = found.end
    return True


class FormulaLines(NamedTuple):
    """`end` is the line after the formula."""

    formula: str
    end: int
    is_unfinished: bool = False


def _read_block(state: StateBlock, first: int, end: int, closing: str) -> FormulaLines | None:
    """None when this is no formula. When it is none for lack of lines, `env["hold"]` says so."""
    parts: list[str] = []
    for line in range(first, end):
        text = _line(state, line) if line > first else _line(state, first)[2:]
        if line > first and (not text or state.sCount[line] < state.blkIndent or text.startswith(r"\[")):
            return None
        if closing in text:
            parts.append(text[:-2])
            formula = "\n".join(parts).strip()
            return FormulaLines(formula, line + 1) if formula and text.index(closing) == len(text) - 2 else None
        parts.append(text)
    return _out_of_lines(state, first, end, parts)


def _out_of_lines(state: StateBlock, first: int, end: int, parts: list[str]) -> FormulaLines | None:
    if state.env.get("unfinished"):
        return FormulaLines("\n".join(parts).strip(), end, is_unfinished=True)
    if end >= len(state.bMarks) - 1:
        state.env["hold"] = min(state.env.get("hold", first), first)
    return None


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()


def math_inline(state: StateInline, silent: bool) -> bool:
    """Inline rule. A single dollar follows pandoc, so that `$5 and $10` stays text."""
    found = _read_inline(state)
    if found is None:
        return False
    formula, end = found
    if not silent:
        state.push("math_inline", "math", 0).content = formula
    state.pos = end
    return True


def _read_inline(state: StateInline) -> tuple[str, int] | None:
    """(formula, position after it)"""
    if state.src.startswith(r"\(", state.pos):
        return _between(state, r"\)")
    if state.src.startswith("$$", state.pos):
        return _between_double_dollars(state)
    if state.src[state.pos] == "$":
        return _between_dollars(state.src, state.pos, state.posMax)
    return None


def _between(state: StateInline, closing: str) -> tuple[str, int] | None:
    """The formula from `state.pos` + 2 to `closing`. The cached last closing keeps many openings linear."""
    start = state.pos + 2
    if state.html_terminator_last(closing) < start:
        return None
    end = state.src.find(closing, start, state.posMax)
    formula = state.src[start:end].strip()
    return (formula, end + 2) if end > 0 and formula else None


def _between_double_dollars(state: StateInline) -> tuple[str, int] | None:
    """Only what looks like TeX: `$$ – $$$` is a price range."""
    found = _between(state, "$$")
    if found is None or not TEX_SIGN.search(found[0]) or state.src.startswith("$", found[1]):
        return None
    return found


def _between_dollars(src: str, start: int, stop: int) -> tuple[str, int] | None:
    """No digit or dollar before, no blank inside the dollars, no digit after them."""
    if start and (src[start - 1].isdigit() or src[start - 1] == "$"):
        return None
    end = _closing_dollar(src, start + 1, stop)
    formula = src[start + 1 : end]
    if end < 0 or not formula or formula[0].isspace() or formula[-1].isspace():
        return None
    if end + 1 < stop and (src[end + 1].isdigit() or src[end + 1] == "$"):
        return None
    return formula, end + 1


def _closing_dollar(src: str, start: int, stop: int) -> int:
    """Position of the next dollar that is not escaped, or -1."""
    end = src.find("$", start, stop)
    while end >= 0 and _is_escaped(src, end):
        end = src.find("$", end + 1, stop)
    return end


def _is_escaped(src: str, position: int) -> bool:
    first = position
    while first and src[first - 1] == "\\":
        first -= 1
    return (position - first) % 2 == 1


@lru_cache(maxsize=1024)
def formula_html(tex: str, display: bool) -> str:
    """MathML of a formula, or its source in `<code>` when it is too long or not understood."""
    if len(tex) > LONGEST_FORMULA:
        return formula_source(tex)
    try:
        mathml = _tex.convert_with_local_state(tex, displaystyle=display)
    except LatexError:
        return formula_source(tex)
    if len(mathml) > LONGEST_MATHML:
        return formula_source(tex)
    return _cleaner.clean(STYLE.sub(_alignment_class, mathml))


def formula_source(tex: str) -> str:
    return f'<code class="math-source">{escape(tex)}</code>'


def _alignment_class(style: re.Match[str]) -> str:
    """math-core aligns the cells of `align` by style, which our content security policy forbids."""
    alignment = ALIGNMENT.search(style[1])
    return f' class="align-{alignment[1]}"' if alignment else ""
