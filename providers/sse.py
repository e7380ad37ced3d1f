"""Server-sent events as bytes: pieces of a response body go in, the data of whole events comes out.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, of which we need the data.
"""

import re

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STRAY_LIMIT = 65_536


class EventDecoder:
    """Reads one response. Works on bytes, so a piece may end anywhere, also within a character or between CR and LF.

    `stray` is what is no server-sent event at all, such as an HTML page or a bare JSON error: its first 64 KiB.
    """

    def __init__(self) -> None:
        self.stray = bytearray()
        self._unfinished = bytearray()
        self._data: list[bytes] = []
        self._after_cr = False
        self._at_start = True

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that `piece` completes; events without data are left out."""
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._after_cr = False
        *lines, rest = _LINE_END.split(piece)
        if lines:
            lines[0] = self._finish_line(lines[0])
            self._after_cr = piece.endswith(b"\r")
        self._unfinished += rest
        return self._events(lines)

    def end(self) -> list[bytes]:
        """The data of a last event whose closing blank line never came."""
        return self._events([self._finish_line(b""), b""])

    def _finish_line(self, rest: bytes) -> bytes:
        line = bytes(self._unfinished) + rest
        self._unfinished.clear()
        if self._at_start:
            self._at_start = False
            return line.removeprefix(_BYTE_ORDER_MARK)
        return line

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif line:
                self._note_if_stray(line)
            elif self._data:
                data = b"\n".join(self._data)
                self._data.clear()
                if data:
                    events.append(data)
        return events

    def _note_if_stray(self, line: bytes) -> None:
        field = line.partition(b":")[0]
        if field not in (b"", b"data", b"event", b"id", b"retry") and len(self.stray) < _STRAY_LIMIT:
            self.stray += line[:_STRAY_LIMIT] + b"\n"
