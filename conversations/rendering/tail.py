"""The end of a growing text, shown before it is finished: open inline syntax is closed, what is undecided is held back.

T1-T9 are the rules of the table "Unfinished inline syntax" in docs/markdown.md.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from django.utils.safestring import SafeString
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore, text_join
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from conversations.rendering.emphasis import end_of_run
from conversations.rendering.formulas import formula_html, formula_source
from conversations.rendering.markdown import OPTIONS, SafeMarkdown, SafeRenderer, add_syntax, warm
from conversations.rendering.safety import language_of, unfinished_code_block
from conversations.rendering.splitting import Env

NOT_YET_TEXT = " \t>-+*_=~`#|:$\\<![&.)0123456789"
NOT_YET_INLINE = re.compile(r"(?:[*_~`\\$]+|!\[|!|<[A-Za-z/][^>\s]*|<|&#?[A-Za-z0-9]{0,31})$")
NOT_YET_BLOCK = re.compile(r"```|~~~|\[[^\]]+\]:|(?:[-*+]|\d{1,9}[.)])[ \t]+\[[ xX]?\]?$")
LOOK_BACK = 200
ENDS_A_PARAGRAPH = {"fence", "code_block", "math_block", "hr"}
TABLE_LOOK_BACK_LINES = 40


class Tail(NamedTuple):
    """HTML that is replaced as the text grows: within the open container, and after it."""

    inside: SafeString
    below: SafeString


NO_TAIL = Tail(SafeString(""), SafeString(""))


@cache
def tail_parser() -> SafeMarkdown:
    """The parser with the closing rules, without bare links and highlighting."""
    md = SafeMarkdown("gfm-like2", {**OPTIONS, "linkify": False}, renderer_cls=SafeRenderer)
    add_syntax(md)
    md.inline.ruler.before("backticks", "close_code", close_code)
    md.inline.ruler.before("link", "hide_image", hide_image)
    md.inline.ruler.after("image", "close_link", close_link)
    md.inline.ruler2.after("balance_pairs", "close_emphasis", close_emphasis)
    md.add_render_rule("fence", unfinished_fence)
    md.add_render_rule("math_block", unfinished_math)
    return warm(md)


def unfinished_fence(
    renderer: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
) -> str:
    return unfinished_code_block(language_of(tokens[idx].info), tokens[idx].content)


def unfinished_math(
    renderer: RendererHTML, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
) -> str:
    """T9: a formula that is being written is shown as its source."""
    token = tokens[idx]
    shown = formula_source(token.content) if token.meta.get("unfinished") else formula_html(token.content, display=True)
    return f'<div class="math">{shown}</div>\n'


def hold_back(text: str, in_table: bool = False, in_container: bool = False) -> str:
    """T1-T3: the text without a last line that cannot be judged yet."""
    start = text.rfind("\n") + 1
    line = text[start:]
    if line and (not line.strip(NOT_YET_TEXT) or _may_open_a_block(line, text[:start], in_table)):
        text = text[:start]
    if not in_container and text.endswith("\n") and not text.endswith("\n\n"):
        return _without_table_header(text)
    return text


def _may_open_a_block(line: str, before: str, in_table: bool) -> bool:
    """T2 and T3: an info string, a definition, a task marker, or a row that may be a table's header."""
    line = line.lstrip(" \t>")
    if line.startswith("|"):
        return not in_table and not _below_table(before)
    return bool(NOT_YET_BLOCK.match(line))


def _without_table_header(text: str) -> str:
    """T3: a complete line of cells waits for its delimiter row."""
    start = text.rfind("\n", 0, -1) + 1
    line = text[start:]
    is_header = line.lstrip(" ").startswith("|") and line.strip(" \t\n|:-")
    return text[:start] if is_header and not _below_table(text[:start]) else text


def _below_table(text: str) -> bool:
    """Is there a delimiter row among the lines of cells directly above?"""
    for line in reversed(text.rstrip("\n").split("\n")[-TABLE_LOOK_BACK_LINES:]):
        if "|" not in line:
            return False
        if not line.strip(" \t|:-"):
            return True
    return False


def tail_html(tokens: list[Token], references: dict[str, Any], at_end: bool) -> SafeString:
    """HTML of block tokens. `at_end`: the last inline text runs to the end of what is written."""
    env: Env = {"references": references}
    tokens = tail_tokens(tokens, env, at_end)
    return SafeString(tail_parser().renderer.render(tokens, tail_parser().options, env))


def tail_tokens(tokens: list[Token], env: Env, at_end: bool) -> list[Token]:
    """Inline phase, with the closing rules at work in the last text only."""
    tokens = [token for token in tokens if token.type != "definition"]
    last = _last_inline(tokens) if at_end else None
    for token in tokens:
        if token.type == "inline":
            _parse_inline(token, env, unfinished=token is last)
    state = StateCore("", tail_parser(), env, tokens)
    text_join(state)
    return state.tokens


def _parse_inline(token: Token, env: Env, unfinished: bool) -> None:
    env["unfinished"] = unfinished
    if unfinished:
        token.content = trim_end(token.content)
    token.children = tail_parser().inline.parse(token.content, tail_parser(), env, [])


def _last_inline(tokens: list[Token]) -> Token | None:
    for token in reversed(tokens):
        if token.type == "inline" and token.content:
            return token
        if token.type in ENDS_A_PARAGRAPH:
            return None
    return None


def trim_end(content: str) -> str:
    """T4: markers at the very end, and a formula that is not closed yet, are not shown."""
    end = content[-LOOK_BACK:]
    formula = end.rfind("\\(")
    if formula >= 0 and end.find("\\)", formula) < 0:
        end = end[:formula]
    return content[:-LOOK_BACK] + NOT_YET_INLINE.sub("", end)


def _at_work(state: StateInline, silent: bool, opening: str) -> bool:
    """Does a closing rule apply here: an opening in the unfinished text, not within a label?"""
    here = state.src.startswith(opening, state.pos)
    return here and not silent and bool(state.env.get("unfinished")) and state.posMax == len(state.src)


def close_code(state: StateInline, silent: bool) -> bool:
    """T6: a run of backticks without its partner is code to the end."""
    if not _at_work(state, silent, "`"):
        return False
    start = end_of_run(state)
    size = start - state.pos
    if re.compile(rf"(?<!`)`{{{size}}}(?!`)").search(state.src, start) or not state.src[start:].strip():
        return False
    state.push("code_inline", "code", 0).content = state.src[start:].replace("\n", " ").strip(" ")
    state.pos = state.posMax
    return True


def hide_image(state: StateInline, silent: bool) -> bool:
    """T8: an image that is being written is not shown."""
    if not _at_work(state, silent, "!["):
        return False
    label_end = state.md.helpers.parseLinkLabel(state, state.pos + 1, False)
    if label_end < 0 or label_end + 1 >= state.posMax or _is_unclosed(state, label_end + 1):
        state.pos = state.posMax
        return True
    return False


def close_link(state: StateInline, silent: bool) -> bool:
    """T7: a link whose target is being written shows its label, as a link that leads nowhere yet."""
    if not _at_work(state, silent, "["):
        return False
    label_end = state.md.helpers.parseLinkLabel(state, state.pos, False)
    if label_end < 0 or not _is_unclosed(state, label_end + 1):
        return False
    end = state.posMax
    state.pos, state.posMax = state.pos + 1, label_end
    state.push("link_open", "a", 1)
    state.md.inline.tokenize(state)
    state.push("link_close", "a", -1)
    state.pos = state.posMax = end
    return True


def _is_unclosed(state: StateInline, position: int) -> bool:
    """Does a target or a reference that opens at `position` run into the end of the text?"""
    closing = {"(": ")", "[": "]"}.get(state.src[position : position + 1])
    return closing is not None and state.src.find(closing, position, state.posMax) < 0


def close_emphasis(state: StateInline) -> None:
    """T5: every run of `*`, `_` or `~` that is still open gets a closer at the end."""
    if not state.env.get("unfinished"):
        return
    delimiters = state.delimiters
    for opener in [*_still_open(delimiters)]:
        token = state.push("text", "", 0)
        token.content = state.tokens[opener.token].content if opener.marker == ord("~") else ""
        closer = Delimiter(opener.marker, opener.length, len(state.tokens) - 1, end=-1, open=False, close=True)
        delimiters.append(closer)
        opener.end, opener.close = len(delimiters) - 1, False


def _still_open(delimiters: list[Delimiter]) -> Iterator[Delimiter]:
    """Innermost first."""
    return (each for each in reversed(delimiters) if each.open and each.end < 0 and chr(each.marker) in "*_~")
