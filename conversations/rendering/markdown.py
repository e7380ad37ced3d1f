"""Markdown of a model as HTML that is safe by construction: no raw HTML, no foreign image, no surprising link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from typing import cast

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from conversations.rendering.bare_links import BareLinks, bare_link
from conversations.rendering.emphasis import cjk_emphasis
from conversations.rendering.formulas import formula_html, math_block, math_inline
from conversations.rendering.highlighting import PatientHighlighter
from conversations.rendering.safety import (
    blocked_image,
    code_block,
    escaped,
    image_label,
    is_safe_link,
    language_of,
    link_attributes,
)
from conversations.rendering.source import normalise

type Highlight = Callable[[str, str], SafeString]

OUR_VERSION = "1"
LIBRARIES = ("markdown-it-py", "linkify-it-py", "pygments", "math-core", "nh3")
RENDERER_VERSION = "-".join([OUR_VERSION, *map(version, LIBRARIES)])

INTERRUPTED_BY_MATH = ["paragraph", "reference", "blockquote", "list"]
OPTIONS = {
    "html": False,
    "xhtmlOut": False,
    "linkify": True,
    "inline_definitions": True,
    "strikethrough_single_tilde": False,
    "tasklists": True,
    "alerts": True,
    "maxNesting": 100,
}
# markdown-it drops whatever is nested deeper than `maxNesting`, and all that follows it. From here on it is plain text.
DEEPEST = 80


def render(text: str) -> SafeString:
    """The canonical HTML of a whole text, highlighted. Milliseconds per 10 KB: call it in a thread when it is long."""
    return render_with(PatientHighlighter().highlight, text)


def render_with(highlight: Highlight, text: str) -> SafeString:
    """`highlight(language, code)` returns the inside of a code block."""
    return SafeString(parser().render(normalise(text), {"highlight": highlight}))


@cache
def parser() -> SafeMarkdown:
    """The parser of everything that is shown for good. Shared: a parse keeps no state in it."""
    md = SafeMarkdown("gfm-like2", OPTIONS, renderer_cls=SafeRenderer)
    md.linkify = BareLinks()
    md.inline.ruler.at("linkify", bare_link)
    add_syntax(md)
    return warm(md)


def warm(md: SafeMarkdown) -> SafeMarkdown:
    """Compile its rules and link patterns now, so that two threads cannot meet in the middle of it."""
    md.render("http://example.org", {"highlight": lambda language, code: escaped(code)})
    return md


def add_syntax(md: MarkdownIt) -> None:
    """Formulas and CJK emphasis, on top of any preset."""
    md.block.ruler.before("table", "too_deep", too_deep)
    md.block.ruler.before("fence", "math_block", math_block, {"alt": INTERRUPTED_BY_MATH})
    md.inline.ruler.before("escape", "math_inline", math_inline)
    md.inline.ruler.before("strikethrough", "cjk_emphasis", cjk_emphasis)
    md.core.ruler.after("block", "drop_definitions", drop_definitions)


def too_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Block rule: the lines of the innermost container as one paragraph, once containers are nested too deep."""
    if state.level < DEEPEST:
        return False
    behind = start
    while behind < end and (state.isEmpty(behind) or state.sCount[behind] >= state.blkIndent):
        behind += 1
    state.line = behind
    state.push("paragraph_open", "p", 1).map = [start, behind]
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = (
        state.getLines(start, behind, state.blkIndent, False).strip(),
        [start, behind],
        [],
    )
    state.push("paragraph_close", "p", -1)
    return True


def drop_definitions(state: StateCore) -> None:
    """Definition tokens are only there for the splitter to see."""
    state.tokens = [token for token in state.tokens if token.type != "definition"]


class SafeMarkdown(MarkdownIt):
    """Links that fail the check stay text."""

    renderer: SafeRenderer

    def validateLink(self, url: str) -> bool:  # noqa: N802
        return is_safe_link(url)


class SafeRenderer(RendererHTML):
    """One method for each kind of token that we render unlike markdown-it."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        language = language_of(tokens[idx].info)
        highlight = cast(Highlight, env["highlight"])
        return code_block(language, highlight(language, tokens[idx].content))

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return code_block("", escaped(tokens[idx].content))

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        env["in_link"] = True
        return f"<a{self.renderAttrs(Token('link_open', 'a', 1, attrs=link_attributes(tokens[idx])))}>"

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        env["in_link"] = False
        return "</a>"

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        alt = self.renderInlineAsText(tokens[idx].children, options, env)
        url = str(tokens[idx].attrs["src"])
        return image_label(url, alt) if env.get("in_link") or not url else blocked_image(url, alt)

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="table-scroll" role="region" aria-label="Table" tabindex="0"><table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table></div>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<th scope="col"{_alignment(tokens[idx])}>'

    def td_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<td{_alignment(tokens[idx])}>"

    def math_inline(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<span class="math">{formula_html(tokens[idx].content, display=False)}</span>'

    def math_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f'<div class="math">{formula_html(tokens[idx].content, display=True)}</div>\n'


def _alignment(cell: Token) -> str:
    """markdown-it says `style="text-align:left"`, which our content security policy forbids."""
    style = str(cell.attrs.get("style", ""))
    return f' class="align-{style.removeprefix("text-align:")}"' if style else ""
