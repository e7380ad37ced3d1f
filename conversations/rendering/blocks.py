"""One growing Markdown text as HTML blocks; docs/markdown.md says why a block is final when it is."""

import time
from typing import NamedTuple

from django.utils.safestring import SafeString

from conversations.rendering import colouring
from conversations.rendering.containers import Container, OpenBlock, render_tokens
from conversations.rendering.growth import Growth, growth_from
from conversations.rendering.markdown import parser
from conversations.rendering.open_fence import open_fence
from conversations.rendering.open_list import open_list
from conversations.rendering.open_table import open_table
from conversations.rendering.source import Source
from conversations.rendering.splitting import LineMap, Piece, References, count_final, split
from conversations.rendering.tail import NO_TAIL, Tail, hold_back, tail_html, tail_parser

# In a table with more of them than 65,536 the parser stops completing rows; here each row stands alone.
MOST_CELLS = 60_000

CONTAINERS = {
    "fence": open_fence,
    "bullet_list_open": open_list,
    "ordered_list_open": open_list,
    "table_open": open_table,
}


def preload() -> None:
    """Build the parsers and import the lexers, about a second, at start-up instead of within the first answer."""
    parser()
    tail_parser()
    colouring.preload()


class Block(NamedTuple):
    """A finished block. `end` is the offset just past its last non-blank in the normalised source."""

    html: SafeString
    end: int


class Blocks:
    """One growing Markdown text as HTML: blocks that are finished, the container that is open, and the tail.

    After `finish`, the blocks are `render(text)` byte for byte, but for code above 2 KB (not coloured here), references
    used before their definition (`has_late_references`), and tables with more than 65,536 cells left out.
    """

    def __init__(self) -> None:
        self.finished: list[Block] = []
        self.tail = NO_TAIL
        self.last_cost_s = 0.0
        self._source = Source()
        self._references = References()
        self._container: Container | None = None
        self._growth: Growth | None = None

    @property
    def open(self) -> OpenBlock | None:
        return self._container.shown if self._container else None

    @property
    def has_late_references(self) -> bool:
        return self._references.late

    def feed(self, delta: str) -> None:
        self._source.feed(delta)

    def advance(self) -> None:
        """Render what was fed. Once per frame; `last_cost_s` is what it took of the CPU."""
        began = time.thread_time()
        fresh = self._source.gather()
        if self._growth and self._growth.takes(fresh):
            self.tail = self._growth.tail
        elif fresh:
            self._settle(at_end=False)
            self._growth = growth_from(self._source.text, self._tail_of)
            self.tail = self._growth.tail if self._growth else self._tail_of(self._source.text)
        self.last_cost_s = time.thread_time() - began

    def finish(self) -> None:
        """No more text: everything becomes finished."""
        self._source.close()
        self._settle(at_end=True)
        self.tail = NO_TAIL

    def final_html(self) -> SafeString | None:
        """After `finish`: what `render` makes of the text. None where only that knows."""
        html = "".join(block.html for block in self.finished)
        exact = not (self._references.late or self._references.left_plain) and html.count("<td") < MOST_CELLS
        return SafeString(html) if exact else None

    def html(self) -> SafeString:
        """Everything that is shown now."""
        finished = "".join(block.html for block in self.finished)
        opened = self.open.html(self.tail.inside) if self.open else ""
        return SafeString(finished + opened + self.tail.below)

    def _settle(self, at_end: bool) -> None:
        if not (self._source.has_new_line or at_end):
            return
        before = None
        while before != (self._container, self._source.start):
            before = (self._container, self._source.start)
            if self._container:
                self._advance_container(self._container, at_end)
            else:
                self._advance_blocks(at_end)

    def _advance_container(self, container: Container, at_end: bool) -> None:
        html = container.advance(self._source, at_end)
        if html is not None:
            self.finished.append(Block(html, self._source.end))
            self._container = None

    def _advance_blocks(self, at_end: bool) -> None:
        text = self._source.settled(at_end)
        found = split(parser(), text, self._references)
        if not found.pieces:
            self._source.take(0 if text.strip(" \t\n") else len(text))
            return
        lines = LineMap.of(text)
        final = len(found.pieces) if at_end else count_final(found, lines)
        self._finish_blocks(found.pieces[:final], lines)
        waiting = found.pieces[final:]
        self._source.take(lines.starts[waiting[0].first if waiting else found.pieces[-1].end])
        if len(waiting) == 1 and found.hold is None:
            self._open_container(waiting[0])

    def _finish_blocks(self, final: list[Piece], lines: LineMap) -> None:
        for piece in final:
            self._references.define(piece.tokens)
        for piece in final:
            if piece.kind != "definition":
                html = render_tokens(piece.tokens, self._references)
                self.finished.append(Block(html, self._source.start + lines.end_of(piece)))

    def _open_container(self, piece: Piece) -> None:
        opener = CONTAINERS.get(piece.kind)
        self._container = opener(self._source, piece, self._references) if opener else None

    def _tail_of(self, text: str) -> Tail:
        if self._container:
            return self._container.tail(text)
        text = hold_back(text)
        found = split(tail_parser(), text, self._references, unfinished=True)
        tokens = [token for piece in found.pieces for token in piece.tokens]
        return Tail(SafeString(""), tail_html(tokens, self._references.known(), at_end=True))
