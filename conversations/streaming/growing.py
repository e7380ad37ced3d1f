"""The parts of an answer while it is written: text that only ever gets longer."""

import math
import re
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

SURROGATES = re.compile("[\ud800-\udfff]")
HALF_PAIR = re.compile("[\ud800-\udbff]$")


@dataclass(eq=False)
class GrowingPart:
    """One part of a running answer. `kind` and `data` are those of the `Part` it will become."""

    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    length: int = 0
    _buffer: StringIO = field(default_factory=lambda: StringIO(newline=""), repr=False)
    _half: str = ""

    def append(self, delta: str) -> int:
        """Returns by how much it has grown, in O(delta).

        NUL becomes U+FFFD, because PostgreSQL stores none; half an emoji waits for its other half.
        """
        if self._half or not storable(delta):
            delta = self._whole_characters(delta)
        grown = self._buffer.write(delta)
        self.length += grown
        return grown

    def since(self, start: int) -> str:
        """The text from character `start` on."""
        self._buffer.seek(start)
        text = self._buffer.read()
        self._buffer.seek(self.length)
        return text

    @property
    def text(self) -> str:
        return self._buffer.getvalue()

    def _whole_characters(self, delta: str) -> str:
        delta = self._half + delta.replace("\0", "\ufffd")
        half = HALF_PAIR.search(delta)
        self._half = half[0] if half else ""
        delta = delta[: len(delta) - len(self._half)]
        return SURROGATES.sub("\ufffd", delta.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def storable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable_data(value: Any) -> Any:
    """JSON as every database takes it: no NUL, no half of an emoji, no number that is none."""
    match value:
        case str():
            return SURROGATES.sub("\ufffd", value.replace("\0", "\ufffd"))
        case dict():
            return {storable_data(name): storable_data(inner) for name, inner in value.items()}
        case list() | tuple():
            return [storable_data(inner) for inner in value]
        case float() if not math.isfinite(value):
            return None
    return value
