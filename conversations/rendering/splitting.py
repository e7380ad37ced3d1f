"""markdown-it's block phase on the lines that are there: which blocks are final, and what the others wait for."""

from collections.abc import Iterable
from itertools import accumulate
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore, block, normalize
from markdown_it.token import Token

type Env = dict[str, Any]

CLOSES_ITSELF = {"hr", "math_block", "heading_open"}
CLOSED_BY_A_BLANK_LINE = {"paragraph_open", "table_open", "blockquote_open", "alert_open", "definition"}


class References(dict[str, Any]):
    """Link definitions that are final. Remembers the labels that were used before they were defined.

    And whether code was `left_plain` that a render of the whole text colours.
    """

    def __init__(self) -> None:
        super().__init__()
        self.missed: set[str] = set()
        self.left_plain = False

    def get(self, label: str, default: Any = None) -> Any:
        if label not in self:
            self.missed.add(label)
        return super().get(label, default)

    def define(self, tokens: Iterable[Token]) -> None:
        for token in tokens:
            if token.type == "definition":
                self.setdefault(token.meta["id"], {"title": token.meta["title"], "href": token.meta["url"]})

    def known(self) -> dict[str, Any]:
        """A copy that remembers nothing, for text that will be rendered again."""
        return dict(self)

    @property
    def late(self) -> bool:
        """A definition came after its use: only a render of the whole text resolves it."""
        return not self.missed.isdisjoint(self)


class Piece(NamedTuple):
    """The tokens of one block (or one list item) and its lines [first, end)."""

    first: int
    end: int
    tokens: list[Token]

    @property
    def kind(self) -> str:
        return self.tokens[0].type


class Split(NamedTuple):
    """One block parse. `hold` is the first line of a block that a rule refused only because the input ended."""

    pieces: list[Piece]
    hold: int | None


class LineMap(NamedTuple):
    """Line numbers of a text as offsets: `starts` has one more entry than `lines`."""

    lines: list[str]
    starts: list[int]

    @classmethod
    def of(cls, text: str) -> "LineMap":
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        starts = [0, *accumulate(len(line) + 1 for line in lines)]
        return cls(lines, starts)

    def is_blank(self, line: int) -> bool:
        return not self.lines[line].strip(" \t")

    def end_of(self, piece: Piece) -> int:
        """Offset just past the last non-blank of the piece, however many blank lines the parser counted in."""
        last = next(line for line in range(piece.end - 1, piece.first - 1, -1) if not self.is_blank(line))
        return self.starts[last] + len(self.lines[last].rstrip(" \t"))


def split(md: MarkdownIt, text: str, references: References, **env: Any) -> Split:
    """Block phase only. The definitions it finds are not kept: they may still grow."""
    block_env: Env = {"references": references.known(), **env}
    tokens: list[Token] = []
    md.block.parse(text, md, block_env, tokens)
    return Split(pieces(tokens), block_env.get("hold"))


def pieces(tokens: Iterable[Token], level: int = 0) -> list[Piece]:
    """Group tokens into the blocks of one nesting level."""
    found: list[Piece] = []
    current: list[Token] = []
    for token in tokens:
        current.append(token)
        if token.level == level and token.nesting <= 0:
            first, end = current[0].map or (0, 0)
            found.append(Piece(first, end, current))
            current = []
    return found


def count_final(parsed: Split, lines: LineMap) -> int:
    """How many leading pieces no later line can change."""
    blocks = parsed.pieces
    final = len(blocks)
    while parsed.hold is not None and final and blocks[final - 1].end > parsed.hold:
        final -= 1
    if final == len(blocks) and not _is_closed(blocks[-1], lines):
        final -= 1
        while final and ends_in_definition(blocks[final - 1], blocks[final].first):
            final -= 1
    return final


def ends_in_definition(piece: Piece, line: int) -> bool:
    """A definition touches the open block at `line`, so its title may still come."""
    return any(token.type == "definition" and token.map and token.map[1] == line for token in piece.tokens)


def _is_closed(piece: Piece, lines: LineMap) -> bool:
    """Is the last block final although no block follows it?"""
    if _may_become_a_table(piece, lines):
        return False
    if piece.kind == "fence":
        return piece.tokens[0].content.count("\n") + 2 == piece.end - piece.first
    if piece.kind in CLOSED_BY_A_BLANK_LINE:
        return piece.end < len(lines.lines) and lines.is_blank(piece.end)
    return piece.kind in CLOSES_ITSELF


def _may_become_a_table(piece: Piece, lines: LineMap) -> bool:
    """The table rule comes first and reads the next line, which is not complete yet."""
    only_line = piece.end == len(lines.lines) and piece.end - piece.first == 1
    return only_line and "|" in lines.lines[piece.first]


def with_inlines(md: MarkdownIt, tokens: list[Token], env: Env) -> list[Token]:
    """Inline phase of final tokens: what a whole parse does after its block phase."""
    state = StateCore("", md, env, [token for token in tokens if token.type != "definition"])
    for rule in md.core.ruler.getRules(""):
        if rule not in (normalize, block):
            rule(state)
    return state.tokens
