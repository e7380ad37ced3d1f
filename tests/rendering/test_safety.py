"""Model output is never markup: no script, no event handler, no foreign image, no link within the site."""

import re

import pytest

from conversations.rendering.blocks import Blocks
from conversations.rendering.markdown import render
from tests.rendering.corpus import chosen, payloads
from tests.rendering.oracle import findings
from tests.rendering.streaming import finished_html, whole

POSITIONS = [
    "{}\n",
    "text {} text\n",
    "[label]({})\n",
    "[label](<{}>)\n",
    '[label](http://example.org "{}")\n',
    "![alt]({})\n",
    "![{}](http://example.org/i.png)\n",
    "<{}>\n",
    "[label][1]\n\n[1]: {}\n",
    "```{}\ncode\n```\n",
    "```html\n{}\n```\n",
    "| head | {} |\n|---|---|\n| a | b |\n",
    "| head | head |\n|---|---|\n| {} | b |\n| c |\n",
    "# {}\n",
    "- a\n- {}\n- c\n",
    "`{}`\n",
    "$${}$$\n\n\\[\n\\text{{{}}}\n\\]\n",
    "http://example.org/{}\n",
    "> [!NOTE] {}\n> {}\n",
    "- [ ] {}\n",
    "$\\href{{{}}}{{x}}$ \\(\\style{{{}}}{{y}}\\)\n",
]
SCHEMES = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java&Tab;script:alert(1)",
    "javascript&colon;alert(1)",
    "&#106;avascript:alert(1)",
    "java\u200bscript:alert(1)",
    "\x01javascript:alert(1)",
    "java%0ascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "vbscript:msgbox(1)",
    "blob:http://example.org/1",
    "file:///etc/passwd",
    "//example.org/x",
    "/accounts/logout/",
    "logout",
    "?next=/admin",
    "#top",
    "http:",
    "http://",
    "http:///x",
    "http:\\\\example.org",
    "http://good.org\\@evil.org",
    "http://user@evil.org",
    "http://user:secret@evil.org",
    "http://ex%61mple.org",
    "http://example.org/\u202egnp.exe",
    "intent://x#Intent;end",
    "ms-msdt:/id",
    "ftp://example.org",
    "http://" + "a" * 2100 + ".org",
]


def filled(position: str, payload: str) -> str:
    return position.replace("{{", "{").replace("}}", "}").replace("{}", payload)


def judge_every_frame(text: str) -> None:
    """The finished blocks, and every tail that was shown on the way."""
    blocks, seen = Blocks(), set()
    for character in text:
        blocks.feed(character)
        blocks.advance()
        opened = blocks.open.html(blocks.tail.inside) if blocks.open else ""
        seen.add(opened + blocks.tail.below)
    blocks.finish()
    for html in [*seen, finished_html(blocks)]:
        assert findings(html) == [], text


def test_a_sample_of_attacks_in_every_position() -> None:
    for payload in chosen("attacks").sample(payloads(), 60):
        for position in POSITIONS:
            text = filled(position, payload)
            assert findings(whole(text)) == [], text


def test_a_sample_of_attacks_in_every_frame() -> None:
    choice = chosen("attacks in frames")
    short = [payload for payload in payloads() if len(payload) < 120]
    for payload in choice.sample(short, 25):
        judge_every_frame(filled(choice.choice(POSITIONS), payload))


@pytest.mark.slow
def test_every_attack() -> None:
    """Each in three positions, so that every position meets a seventh of the corpus."""
    for number, payload in enumerate(payloads()):
        text = "\n\n".join(filled(POSITIONS[(number + step * 7) % len(POSITIONS)], payload) for step in range(3))
        assert findings(whole(text)) == [], text


@pytest.mark.parametrize("url", SCHEMES)
def test_a_link_that_is_not_plainly_outside_stays_text(url: str) -> None:
    for position in ("[label]({})", "[label](<{}>)", "<{}>", "[label][1]\n\n[1]: {}\n", "![label]({})"):
        html = str(render(filled(position, url)))
        assert findings(html) == []
        assert "href" not in html or "evil.org" not in re.findall('href="([^"]*)"', html)[0], html


@pytest.mark.parametrize("url", SCHEMES)
def test_in_no_frame_either(url: str) -> None:
    judge_every_frame(filled("a [label]({}) ![alt]({}) <{}>\n\n[1]: {}\n\n[x][1]\n", url[:300]))


def test_a_link_says_where_it_leads() -> None:
    assert render("[your bank](https://evil.example/login)") == (
        '<p><a href="https://evil.example/login" title="evil.example" target="_blank" '
        'rel="noopener noreferrer nofollow ugc">your bank</a></p>\n'
    )


def test_the_title_of_a_link_comes_after_its_host() -> None:
    assert 'title="evil.example — bank.example"' in render('[a](https://evil.example "bank.example")')


def test_an_image_is_a_link_that_says_what_and_where() -> None:
    html = render("![A cat](https://pictures.example/cat.png?u=1)")

    assert "<img" not in html and " src=" not in html
    assert 'href="https://pictures.example/cat.png?u=1"' in html
    assert '<span class="image-alt">A cat</span> <small>pictures.example</small>' in html


def test_an_image_within_a_link_is_no_second_link() -> None:
    html = render("[![badge](http://a.example/i.png)](http://b.example) ![c](http://c.example/i.png)")

    assert html.count("<a ") == 2
    assert '<span class="image-blocked">' in html


@pytest.mark.parametrize("position", POSITIONS)
def test_no_frame_loads_an_image(position: str) -> None:
    judge_every_frame(filled(position, "![x](http://evil.example/p.png) <img src=http://evil.example/p.png>"))


def test_the_judge_sees_what_must_not_be_there() -> None:
    for html in (
        '<img src="http://evil.example/p.png">',
        '<p onclick="x">a</p>',
        '<a href="javascript:x">a</a>',
        '<a href="/logout">a</a>',
        '<span style="x">a</span>',
        '<math><mtext><img src="x"></mtext></math>',
        '<code class="language-a&quot;b">a</code>',
    ):
        assert findings(html) != []


@pytest.mark.parametrize("info", ['"><script>', "a b", "-x", "a" * 99, "é", "../x", "python:main.py", "{.python}"])
def test_the_language_of_a_fence_is_a_plain_class(info: str) -> None:
    assert findings(whole(f"```{info}\ncode\n```\n")) == []


def test_raw_html_is_off() -> None:
    from conversations.rendering.markdown import parser
    from conversations.rendering.tail import tail_parser

    assert not parser().options["html"] and not tail_parser().options["html"]
    assert (
        render("<b>a</b>\n\n<div>\nb\n</div>\n") == "<p>&lt;b&gt;a&lt;/b&gt;</p>\n<p>&lt;div&gt;\nb\n&lt;/div&gt;</p>\n"
    )
