"""A list that is being written. Every item but the last is final."""

from typing import NamedTuple

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

from conversations.rendering.containers import OpenBlock, render_env
from conversations.rendering.markdown import parser
from conversations.rendering.source import Source, lines_of
from conversations.rendering.splitting import (
    Piece,
    References,
    ends_in_definition,
    pieces,
    split,
    with_inlines,
)
from conversations.rendering.tail import NO_TAIL, Tail, hold_back, tail_html, tail_parser

SENTINEL_INDENT = 5


class ListLines(NamedTuple):
    """A parse of what follows the finished items: further items, and the blocks after the list.

    Line numbers count from the sentinel, which is line 0.
    """

    items: list[Piece]
    rest: list[Piece]
    is_loose: bool
    has_task: bool
    hold: int | None

    @property
    def is_followed(self) -> bool:
        """Does a block follow that ends the list? Not while it may be the title of a definition in the last item."""
        may_be_title = len(self.rest) == 1 and self.items and ends_in_definition(self.items[-1], self.rest[0].first)
        return bool(self.rest) and not may_be_title

    def final_items(self, closed: bool) -> list[Piece]:
        items = self.items if closed else self.items[:-1]
        return [item for item in items if self.hold is None or item.end <= self.hold]


def open_list(source: Source, piece: Piece, references: References) -> "OpenList | None":
    """None while there is only one item."""
    items = pieces(piece.tokens[1:-1], level=1)
    return OpenList(source, piece.tokens[0], references) if len(items) > 1 else None


class OpenList:
    """The lines that are not taken are parsed behind a sentinel item of the same kind.

    It makes them continue a list, and its paragraph tells whether the list is tight. A list can only turn loose, or
    turn into a task list, never back.
    """

    def __init__(self, source: Source, opening: Token, references: References) -> None:
        self._opening = opening
        self._references = references
        self._items: list[list[Token]] = []
        self._is_loose = self._has_task = False
        marker = ("1" if opening.tag == "ol" else "") + opening.markup
        self._sentinel = f"{marker:<{SENTINEL_INDENT}}x\n"
        self.shown = OpenBlock(source.start, "list", self._head(), SafeString(f"</{opening.tag}>\n"))

    def advance(self, source: Source, at_end: bool) -> SafeString | None:
        text = source.settled(at_end)
        if not text.strip() and not at_end:
            return None
        found = self._parse(parser(), text)
        if at_end:
            found = found._replace(hold=None)
        may_close = at_end or found.is_followed
        final = found.final_items(may_close)
        self._restyle(found)
        self._add(final)
        if final:
            source.take(sum(map(len, lines_of(text)[: final[-1].end - 1])))
        return self.shown.html(SafeString("")) if may_close and len(final) == len(found.items) else None

    def tail(self, text: str) -> Tail:
        text = hold_back(text, in_container=True)
        if not text.strip():
            return NO_TAIL
        found = self._parse(tail_parser(), text, unfinished=True)
        is_loose = self._is_loose or found.is_loose
        last = None if found.rest else found.items[-1]
        known = self._references.known()
        if is_loose:
            for item in found.items:
                loosen(item.tokens)
        inside = "".join(tail_html(item.tokens, known, item is last) for item in found.items)
        below = [token for piece in found.rest for token in piece.tokens]
        return Tail(SafeString(inside), tail_html(below, known, at_end=True))

    def _parse(self, md: MarkdownIt, text: str, unfinished: bool = False) -> ListLines:
        found = split(md, self._sentinel + text, self._references, unfinished=unfinished)
        opening, *inner, _closing = found.pieces[0].tokens
        sentinel, *items = pieces(inner, level=1)
        is_loose = not sentinel.tokens[1].hidden
        return ListLines(items, found.pieces[1:], is_loose, "class" in opening.attrs, found.hold)

    def _restyle(self, found: ListLines) -> None:
        """Tight to loose, or a first task: the items that are shown change, so they are shown anew."""
        style = (self._is_loose or found.is_loose, self._has_task or found.has_task)
        if style == (self._is_loose, self._has_task):
            return
        self._is_loose, self._has_task = style
        self.shown.head = self._head()
        self.shown.units = [self._item_html(item) for item in self._items]
        self.shown.version += 1

    def _add(self, final: list[Piece]) -> None:
        for item in final:
            self._references.define(item.tokens)
        for item in final:
            tokens = with_inlines(parser(), item.tokens, render_env(self._references))
            self._items.append(tokens)
            self.shown.units.append(self._item_html(tokens))

    def _head(self) -> SafeString:
        attributes = {name: value for name, value in self._opening.attrs.items() if name != "class"}
        opening = Token(self._opening.type, self._opening.tag, 1, attrs=attributes, block=True)
        if self._has_task:
            opening.attrJoin("class", "contains-task-list")
        return SafeString(parser().renderer.renderToken([opening], 0, parser().options, {}))

    def _item_html(self, tokens: list[Token]) -> SafeString:
        if self._is_loose:
            loosen(tokens)
        return SafeString(parser().renderer.render(tokens, parser().options, render_env(self._references)))


def loosen(item: list[Token]) -> None:
    """Show the paragraphs of an item as such."""
    for token in item:
        if token.level == 2 and token.type in ("paragraph_open", "paragraph_close"):
            token.hidden = False
