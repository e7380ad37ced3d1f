"""A fenced code block that is being written. Its lines are not parsed until it closes."""

from django.utils.safestring import SafeString
from markdown_it.token import Token

from conversations.rendering.containers import OpenBlock, render_tokens
from conversations.rendering.markdown import parser
from conversations.rendering.safety import CODE_CLOSE, code_head, escaped, language_of
from conversations.rendering.source import Source, lines_of
from conversations.rendering.splitting import Piece, References, split
from conversations.rendering.tail import NO_TAIL, Tail


def open_fence(source: Source, piece: Piece, references: References) -> "OpenFence | None":
    """None when the opening line is not a plain one (a tab in its indent, a container before it)."""
    opening, newline, _rest = source.text.partition("\n")
    marks = opening.lstrip(" ")
    indent = len(opening) - len(marks)
    if not newline or indent > 3 or not marks.startswith(piece.tokens[0].markup):
        return None
    return OpenFence(source, piece.tokens[0], indent, references)


class OpenFence:
    def __init__(self, source: Source, fence: Token, indent: int, references: References) -> None:
        head = code_head(language_of(fence.info), buttons=SafeString(""))
        self.shown = OpenBlock(source.start, "code", head, CODE_CLOSE)
        self._indent = indent
        self._marker = fence.markup
        self._references = references
        self._lines = [source.take(source.text.index("\n") + 1)]

    def advance(self, source: Source, at_end: bool) -> SafeString | None:
        lines = lines_of(source.settled(at_end))
        closing = next((number for number, line in enumerate(lines) if self._closes(line)), None)
        code = lines[:closing]
        self.shown.units += [escaped(self._dedented(line)) for line in code]
        self._lines += lines if closing is None else lines[: closing + 1]
        source.take(sum(map(len, lines if closing is None else lines[: closing + 1])))
        return self._final() if at_end or closing is not None else None

    def tail(self, text: str) -> Tail:
        """T2: a last line that may become the closing one is not shown."""
        if not text.strip(" " + self._marker[0]):
            return NO_TAIL
        return Tail(inside=escaped(self._dedented(text)), below=SafeString(""))

    def _closes(self, line: str) -> bool:
        marks = line.lstrip(" ")
        after = marks.lstrip(self._marker[0])
        return len(line) - len(marks) < 4 and marks.startswith(self._marker) and not after.strip(" \t\n")

    def _dedented(self, line: str) -> str:
        blanks = len(line) - len(line.lstrip(" "))
        return line[min(self._indent, blanks) :]

    def _final(self) -> SafeString:
        block = split(parser(), "".join(self._lines), References()).pieces[0]
        return render_tokens(block.tokens, self._references)
