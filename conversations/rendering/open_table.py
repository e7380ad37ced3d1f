"""A table that is being written. Every complete row is final."""

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

from conversations.rendering.containers import OpenBlock, render_tokens
from conversations.rendering.markdown import parser
from conversations.rendering.source import Source, lines_of
from conversations.rendering.splitting import Piece, References, Split, split
from conversations.rendering.tail import NO_TAIL, Tail, hold_back, tail_html, tail_parser

HEADER_LINES = 2


def open_table(source: Source, piece: Piece, references: References) -> "OpenTable | None":
    """None while there is no row below the header."""
    return OpenTable(source, piece.tokens, references) if _rows(piece.tokens) else None


class OpenTable:
    def __init__(self, source: Source, tokens: list[Token], references: References) -> None:
        start = source.start
        head = tokens[: _position(tokens, "tbody_open") + 1]
        foot = tokens[_position(tokens, "tbody_close") :]
        self._references = references
        self.shown = OpenBlock(start, "table", render_tokens(head, references), render_tokens(foot, references))
        self._header = source.take(sum(map(len, lines_of(source.text)[:HEADER_LINES])))

    def advance(self, source: Source, at_end: bool) -> SafeString | None:
        lines = lines_of(source.settled(at_end))
        if not lines and not at_end:
            return None
        table = self._parse(parser(), "".join(lines)).pieces[0]
        rows = _rows(table.tokens)
        if rows:
            self.shown.units.append(render_tokens(rows, self._references))
        taken = table.end - HEADER_LINES
        source.take(sum(map(len, lines[:taken])))
        return self.shown.html(SafeString("")) if at_end or taken < len(lines) else None

    def tail(self, text: str) -> Tail:
        text = hold_back(text, in_table=True, in_container=True)
        if not text.strip():
            return NO_TAIL
        table, *rest = self._parse(tail_parser(), text, unfinished=True).pieces
        known = self._references.known()
        below = [token for piece in rest for token in piece.tokens]
        return Tail(tail_html(_rows(table.tokens), known, not rest), tail_html(below, known, at_end=True))

    def _parse(self, md: MarkdownIt, text: str, unfinished: bool = False) -> Split:
        return split(md, self._header + text, self._references, unfinished=unfinished)


def _rows(table: list[Token]) -> list[Token]:
    """Tokens within the body; none when the table has no row."""
    first = _position(table, "tbody_open")
    return table[first + 1 : _position(table, "tbody_close")] if first >= 0 else []


def _position(tokens: list[Token], kind: str) -> int:
    return next((index for index, token in enumerate(tokens) if token.type == kind), -1)
