"""What rendered HTML may consist of, judged on the tree that a browser's parser makes of it.

Its lists are its own, so that a mistake in ours is not repeated here.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from tests.trees import fragment

CLASSES = re.compile(
    r"code|code-(language|wrap|copy)|language-[a-z0-9][a-z0-9_+#.-]{0,31}|table-scroll|align-(left|center|right)|math"
    r"|math-source|image-(blocked|alt)|contains-task-list|task-list-item(-checkbox)?|menclose-[a-z]+|[a-z]{1,2}"
    r"|markdown-alert(-title|-[a-z]+)?"
)
PLAIN = "h1 h2 h3 h4 h5 h6 blockquote hr br em strong s figcaption small table thead tbody tr"
WITH_CLASS = "p ul li code figure span td"
ELEMENTS: dict[str, set[str]] = {
    **{tag: set() for tag in PLAIN.split()},
    **{tag: {"class"} for tag in WITH_CLASS.split()},
    "ol": {"class", "start"},
    "th": {"class", "scope"},
    "pre": {"tabindex"},
    "div": {"class", "role", "aria-label", "tabindex"},
    "input": {"class", "type", "disabled", "checked"},
    "button": {"class", "type", "data-wrap", "data-copy", "aria-pressed", "aria-label"},
    "a": {"class", "href", "title", "target", "rel", "data-src"},
}
MATHML_ELEMENTS = """
    math mi mn mo ms mtext mspace mrow mfrac msqrt mroot mstyle mpadded mphantom menclose msub msup msubsup munder
    mover munderover mmultiscripts mprescripts mtable mtr mtd
"""
ACTIVE_ATTRIBUTE = re.compile(r"on|style|src|href|xlink|action|id$|name$")


def findings(html: str) -> list[str]:
    """Everything in it that must not be there."""
    return [finding for element in fragment(html) for finding in _judge(element)]


def _judge(element: Element) -> Iterator[str]:
    """The element and all that is in it."""
    if element.tag == "math":
        for inner in element.iter():
            yield from _judge_mathml(inner.tag, inner.attrib)
        return
    yield from _judge_html(element)
    for inner in element:
        yield from _judge(inner)


def _judge_html(element: Element) -> Iterator[str]:
    tag = element.tag
    unexpected = element.attrib.keys() - ELEMENTS.get(tag, set())
    if tag not in ELEMENTS or unexpected:
        yield f"<{tag} {unexpected}>"
    yield from (f"class {name}" for name in element.get("class", "").split() if not CLASSES.fullmatch(name))
    if tag == "a" and "href" in element.attrib:
        yield from _judge_link(element.attrib)
    if tag == "input" and (element.get("type"), "disabled" in element.attrib) != ("checkbox", True):
        yield "an input that is no disabled checkbox"


def _judge_mathml(tag: str, attributes: dict[str, str]) -> Iterator[str]:
    if tag not in MATHML_ELEMENTS.split():
        yield f"<math> has <{tag}>"
    yield from (f"<{tag} {name}>" for name in attributes if ACTIVE_ATTRIBUTE.match(name))


def _judge_link(attributes: dict[str, str]) -> Iterator[str]:
    url = urlsplit(attributes["href"])
    if url.scheme not in ("http", "https", "mailto") or (url.scheme != "mailto" and not url.hostname):
        yield f"link to {attributes['href']}"
    if url.username or "\\" in attributes["href"]:
        yield f"misleading link {attributes['href']}"
    if (attributes.get("target"), attributes.get("rel")) != ("_blank", "noopener noreferrer nofollow ugc"):
        yield "a link that lets the other page look back"
