"""CommonMark and GFM still mean what they say, wherever our policy says nothing else."""

import re
from typing import Any

from markdown_it import MarkdownIt

from conversations.rendering.markdown import add_syntax, render
from tests.rendering.corpus import load


def with_our_syntax() -> MarkdownIt:
    """CommonMark with raw HTML and any link, plus what we add to its syntax."""
    md = MarkdownIt("commonmark", {"html": True})
    add_syntax(md)
    md.add_render_rule("math_inline", lambda self, tokens, idx, options, env: tokens[idx].content)
    md.add_render_rule("math_block", lambda self, tokens, idx, options, env: tokens[idx].content)
    return md


def spelled_like_the_specification(html: str) -> str:
    """Empty quotes, and the slashes of XHTML."""
    return html.replace("<blockquote></blockquote>", "<blockquote>\n</blockquote>").replace(" />", ">")


def test_our_syntax_changes_no_example_of_commonmark() -> None:
    md = with_our_syntax()
    for example in load("commonmark_spec"):
        html = md.render(example["markdown"])
        assert spelled_like_the_specification(html) == spelled_like_the_specification(example["html"]), example


# 342 examples of each specification hold nothing that we render otherwise on purpose: raw HTML stays text, images do
# not load, links that are not absolute stay text, code and tables have our frame. Of the 342 these differ: bare links,
# and `<strong>` within `<strong>`, which GFM drops and CommonMark keeps.
OUR_POLICY = re.compile(r"<img|<pre>|<table>|<a href|<del>|<input")
HTML_IN_TEXT = re.compile(r"<[A-Za-z/!?]")
DEFINITION = re.compile(r"^ {0,3}(> |- )?\[[^\]]+\]:", re.M)
NESTED_STRONG = {398, 426, 434, 435, 436, 473, 474, 475, 477}
LINKIFIED = {608, 611, 612}
LINKIFIED_IN_GFM = {616, 619, 620}


def is_untouched(example: dict[str, Any]) -> bool:
    """No construct in it that we render unlike the specification."""
    text = example["markdown"]
    return not (OUR_POLICY.search(example["html"]) or HTML_IN_TEXT.search(text) or DEFINITION.search(text))


def differing(name: str) -> tuple[int, set[int]]:
    """(untouched examples, those of them that are rendered otherwise)"""
    examples = [each for each in load(name) if is_untouched(each)]
    return len(examples), {each["example"] for each in examples if differs(each)}


def differs(example: dict[str, Any]) -> bool:
    html = str(render(example["markdown"]))
    return spelled_like_the_specification(html) != spelled_like_the_specification(example["html"])


def test_what_a_reader_gets_for_commonmark() -> None:
    assert differing("commonmark_spec") == (342, LINKIFIED)


def test_what_a_reader_gets_for_gfm() -> None:
    assert differing("gfm_spec") == (342, NESTED_STRONG | LINKIFIED_IN_GFM)
