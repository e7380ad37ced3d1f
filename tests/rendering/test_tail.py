"""The end of a growing text does not flicker, and shows nothing that turns out to be markup."""

import re
from html import unescape

import pytest

from conversations.rendering.blocks import Blocks
from tests.rendering.corpus import answers, tokens
from tests.rendering.streaming import whole


def shown(text: str) -> str:
    blocks = Blocks()
    blocks.feed(text)
    blocks.advance()
    return blocks.html()


@pytest.mark.parametrize(
    ("rule", "text", "html"),
    [
        ("T1", "a\n\n---", "<p>a</p>\n"),
        ("T1", "a\n\n1.", "<p>a</p>\n"),
        ("T2", "a\n\n```py", "<p>a</p>\n"),
        ("T2", "a\n\n[1]: http", "<p>a</p>\n"),
        ("T2", "a\n\n- [x]", "<p>a</p>\n"),
        ("T3", "a\n\n| b | c |", "<p>a</p>\n"),
        ("T3", "a\n\n| b | c |\n", "<p>a</p>\n"),
        ("T4", "a **", "<p>a </p>\n"),
        ("T4", "a &amp", "<p>a </p>\n"),
        ("T4", "a <http://exa", "<p>a </p>\n"),
        ("T4", "a \\(x^2", "<p>a </p>\n"),
        ("T5", "a **b", "<p>a <strong>b</strong></p>\n"),
        ("T5", "a *b **c", "<p>a <em>b <strong>c</strong></em></p>\n"),
        ("T5", "a ~~b", "<p>a <s>b</s></p>\n"),
        ("T6", "a `b c", "<p>a <code>b c</code></p>\n"),
        ("T6", "a **b `c", "<p>a <strong>b <code>c</code></strong></p>\n"),
        ("T7", "a [b](http://exam", "<p>a <a>b</a></p>\n"),
        ("T7", "a [**b**][re", "<p>a <a><strong>b</strong></a></p>\n"),
        ("T7", "Dear [Your Na", "<p>Dear [Your Na</p>\n"),
        ("T8", "a ![b](http://exam", "<p>a </p>\n"),
        ("T9", "$$\nx^2", '<div class="math"><code class="math-source">x^2</code></div>\n'),
    ],
)
def test_unfinished_syntax(rule: str, text: str, html: str) -> None:
    assert shown(text) == html


def test_escapes_and_entities_survive_in_the_tail() -> None:
    assert shown(r"2 \* 3 &lt; 4 **b") == "<p>2 * 3 &lt; 4 <strong>b</strong></p>\n"


CHROME = re.compile(r"<figcaption>.*?</figcaption>|(?<=<div class=\"math\">).*?(?=</div>)")
UNSEEN = {"p", "span", "figcaption"}


def visible(html: str) -> str:
    """Without brackets: `[label` stays literal until its target begins, because few brackets become links."""
    return " ".join(unescape(re.sub(r"<[^>]*>|[][]", "", CHROME.sub("", html))).split())


def foreseeable(answer: str) -> str:
    """Definitions first, and without a dollar that opens a formula."""
    definition = re.compile(r"^\[.*\]:.*$", re.M)
    body = re.sub(r"\$[^$\s]+\$", "", definition.sub("", answer))
    return "\n".join(definition.findall(answer)) + "\n\n" + body


def opened(html: str) -> list[str]:
    """Elements that a reader sees.

    A formula shows its source until it is closed. Not seen: a list that turns loose (`li > p` has no margin), colours.
    """
    return [tag for tag in re.findall(r"<([a-z0-9]+)", CHROME.sub("", html)) if tag not in UNSEEN]


def test_answers_hardly_flicker() -> None:
    """What a viewer sees is the beginning of what it will see."""
    frames = wrong_text = wrong_tags = 0
    for answer in map(foreseeable, answers()):
        final = whole(answer)
        text, tags = visible(final), opened(final)
        blocks = Blocks()
        for token in tokens(answer):
            blocks.feed(token)
            blocks.advance()
            html = blocks.html()
            frames += 1
            wrong_text += not text.startswith(visible(html))
            wrong_tags += opened(html) != tags[: len(opened(html))]
    print(f"{frames} frames, text {wrong_text / frames:.2%}, tags {wrong_tags / frames:.2%}")
    assert wrong_text < frames * 0.005
    assert wrong_tags < frames * 0.001
