"""HTML as the tree that a browser's parser makes of it (Lexbor's, after the HTML standard), of the standard library's
elements. A comment is an element called `-comment`; SVG and MathML stand in it by their plain names.
"""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, tostring

from selectolax.lexbor import LexborHTMLParser, LexborNode


def document(html: str) -> Element:
    root = LexborHTMLParser(html).root
    assert root is not None
    return made_of(root)


def fragment(html: str) -> Element:
    """An element that stands in no page, with what `html` says inside."""
    return filled(Element("fragment"), with_those_after(LexborHTMLParser(html, is_fragment=True).root))


def inside(element: Element) -> str:
    """The inside of an element as HTML."""
    html = tostring(element, encoding="unicode", method="html")
    return html[html.index(">") + 1 : html.rindex("<")]


def made_of(node: LexborNode) -> Element:
    element = Element(node.tag or "", {name: value or "" for name, value in node.attributes.items()})
    return filled(element, children_of(node))


def filled(element: Element, nodes: Iterable[LexborNode]) -> Element:
    for node in nodes:
        if node.is_text_node:
            add_text(element, node.text_content, before=len(element))
        else:
            element.append(made_of(node))
    return element


def add_text(element: Element, text: str | None, *, before: int) -> None:
    """Text within an element, in front of what is or will be its child number `before`."""
    if before:
        behind = element[before - 1]
        behind.tail = (behind.tail or "") + (text or "")
    else:
        element.text = (element.text or "") + (text or "")


def children_of(node: LexborNode) -> Iterator[LexborNode]:
    """What a template holds is no part of the page; here it is."""
    held = node.template_fragments() if node.tag == "template" else []
    return with_those_after((held[0] if held else node).first_child)


def with_those_after(node: LexborNode | None) -> Iterator[LexborNode]:
    while node is not None:
        yield node
        node = node.next
