"""A page in Python: applies frames as htmx does, so that thousands of streams can be tried without a browser."""

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from tests.trees import add_text, fragment, inside

EVENT = re.compile(r"event: (\w+)\n(?:id: (\S+)\n)?((?:data: [^\n]*\n)*)\n")


@dataclass
class Page:
    """The parts of one message as a browser holds them, and the last event id it has seen."""

    message_id: str
    last_event_id: str = ""
    root: Element = field(default_factory=lambda: fragment(""))
    events: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = fragment(f'<div id="parts-{self.message_id}"></div><p id="note-{self.message_id}"></p>')

    def receive(self, frame: bytes) -> None:
        """One whole SSE event, as it comes over the wire."""
        for event, cursor, lines in EVENT.findall(frame.decode()):
            self.events.append(event)
            self.last_event_id = cursor or self.last_event_id
            if event in ("reset", "delta"):
                self.swap("\n".join(line[6:] for line in lines.removesuffix("\n").split("\n")))

    def swap(self, html: str) -> None:
        for element in fragment(html).iter():
            where = element.attrib.pop("hx-swap-oob", "")
            if where:
                style, _, selector = where.partition(":")
                self.apply(style, selector or f"#{element.get('id')}", element)

    def apply(self, style: str, selector: str, content: Element) -> None:
        target = self.find(selector)
        if style == "innerHTML":
            replace_children(target, content)
        elif style == "beforeend":
            append(target, content)
        elif style == "beforebegin":
            insert_before(self.parent_of(target), target, content)
        elif style == "outerHTML":
            parent = self.parent_of(target)
            content.tail = target.tail
            parent[list(parent).index(target)] = content
        else:
            raise AssertionError(f"unknown swap {style}")

    def find(self, selector: str) -> Element:
        name, _, inner = selector.partition(" ")
        found = [element for element in self.root.iter() if element.get("id") == name[1:]]
        assert len(found) == 1, f"{len(found)} elements for {selector}"
        if not inner:
            return found[0]
        assert inner == "tbody:first-of-type"
        return next(element for element in found[0].iter("tbody"))

    def parent_of(self, child: Element) -> Element:
        return next(element for element in self.root.iter() if child in list(element))

    def blocks(self, part: int) -> str:
        """What the regions of a part show, as HTML, without the tail's and containers' scaffolding."""
        return inside(self.find(f"#blocks-{self.message_id}-{part}"))

    def is_settled(self, part: int) -> bool:
        """Nothing is left in the open container and the tail."""
        return all(inside(self.find(f"#{region}-{self.message_id}-{part}")) == "" for region in ("open", "tail"))


def canonical(html: str) -> str:
    """`html` as `Page.blocks` writes it."""
    return inside(fragment(f"<div>{html}</div>")[0]) if html else ""


def append(target: Element, content: Element) -> None:
    add_text(target, content.text, before=len(target))
    target.extend(content)


def replace_children(target: Element, content: Element) -> None:
    for child in list(target):
        target.remove(child)
    target.text = content.text
    target.extend(content)


def insert_before(parent: Element, target: Element, content: Element) -> None:
    index = list(parent).index(target)
    add_text(parent, content.text, before=index)
    for offset, child in enumerate(list(content)):
        parent.insert(index + offset, child)
