"""The part of a growing text that is not rendered for good yet: normalised, in lines, with offsets."""

import re

NOT_TEXT = re.compile("[\0\ud800-\udfff]")


def normalise(text: str) -> str:
    r"""CR LF and CR become \n; NUL and lone surrogates, which no page can carry, become U+FFFD."""
    return NOT_TEXT.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def lines_of(text: str) -> list[str]:
    r"""Lines with their \n. Unlike `splitlines`, a form feed or U+2028 ends no line."""
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


class Source:
    """Text that was fed and not taken.

    Offsets in the whole normalised text: `start` of `text[0]`, `end` just past the last non-blank that was taken.
    """

    def __init__(self) -> None:
        self.text = ""
        self.start = 0
        self.end = 0
        self.has_new_line = False
        self._fed: list[str] = []
        self._ends_in_return = False

    def feed(self, delta: str) -> None:
        r"""O(len(delta)). A CR at the end is kept back, because the next delta may start with \n."""
        if self._ends_in_return:
            delta = "\r" + delta
        self._ends_in_return = delta.endswith("\r")
        self._fed.append(normalise(delta.removesuffix("\r")))

    def close(self) -> None:
        """No more text will come."""
        if self._ends_in_return:
            self._fed.append("\n")
            self._ends_in_return = False
        self.gather()

    def gather(self) -> str:
        """Move what was fed into `text`, and return it."""
        fresh = "".join(self._fed)
        self._fed.clear()
        self.text += fresh
        self.has_new_line = self.has_new_line or "\n" in fresh
        return fresh

    def settled(self, at_end: bool) -> str:
        """The lines that can be judged: the complete ones, or all when the text is at its end."""
        self.has_new_line = False
        return self.text if at_end else self.text[: self.text.rfind("\n") + 1]

    def take(self, size: int) -> str:
        """Remove the first `size` characters and return them."""
        taken, self.text = self.text[:size], self.text[size:]
        written = taken.rstrip(" \t\n")
        if written:
            self.end = self.start + len(written)
        self.start += len(taken)
        return taken
