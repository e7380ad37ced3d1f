"""Most of what a model says is plain words: then the tail only gets longer, and nothing is parsed again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.safestring import SafeString
from markdown_it.common.utils import escapeHtml

from conversations.rendering.tail import Tail, hold_back, trim_end

# No markup can begin, go on or end with these behind a letter, whatever came before.
PLAIN = re.compile(r"""(?:[^\W_]|[ ,.;:?'"()/%+=-])+""")
QUOTE = re.compile("['\"]")
# Where the text ends within its HTML. A private character, which the parser takes for a letter.
END = "\uf8f1"


@dataclass
class Growth:
    """A tail that was parsed once, cut at the place where plain words go on; `words` have come since."""

    before: str
    after: str
    is_inside: bool
    other: SafeString
    words: str = ""

    def takes(self, fresh: str) -> bool:
        """Add `fresh`; False when it is more than plain words. (Code has its own ways with quotes and last blanks.)"""
        words = self.words + fresh
        in_code = not self.after or self.after.startswith(("</code>", "\n</code>"))
        if not PLAIN.fullmatch(fresh) or (in_code and (words.endswith(" ") or QUOTE.search(fresh))):
            return False
        self.words = words
        return True

    @property
    def tail(self) -> Tail:
        grown = SafeString(f"{self.before}{escapeHtml(self.words.rstrip(' '))}{self.after}")
        return Tail(grown, self.other) if self.is_inside else Tail(self.other, grown)


def growth_from(text: str, render: Callable[[str], Tail]) -> Growth | None:
    """None when `text` does not end in plain words, or they are not shown."""
    if not text[-1:].isalpha() or trim_end(text) != text or hold_back(text) != text:
        return None
    inside, below = render(text + END)
    if inside.count(END) + below.count(END) != 1:
        return None
    is_inside = END in inside
    before, _, after = (inside if is_inside else below).partition(END)
    return Growth(before, after, is_inside, below if is_inside else inside)
