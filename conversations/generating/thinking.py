"""Models on plain servers think aloud between `<think>` and `</think>` at the start of their text: reasoning."""

from collections.abc import Iterator

from conversations.models import Part

OPENING, CLOSING = "<think>", "</think>"


class ThinkTags:
    """Sorts the start of a text into reasoning and text. Whatever does not begin with the tag passes as it is."""

    def __init__(self) -> None:
        self._held = ""
        # Functions, not methods: those would hold what they are held by, until the garbage collector comes.
        self._sort = ThinkTags._at_start

    def feed(self, delta: str) -> Iterator[tuple[str, str]]:
        """(kind, text) pieces of what is clear by now; what may still be a tag is held back."""
        self._held += delta
        return self._sort(self)

    def rest(self) -> Iterator[tuple[str, str]]:
        """What was held back when no more comes."""
        held, self._held = self._held, ""
        yield (Part.Kind.REASONING if self._sort is ThinkTags._inside else Part.Kind.TEXT), held

    def _at_start(self) -> Iterator[tuple[str, str]]:
        begun = self._held.lstrip()
        if begun.startswith(OPENING):
            self._held, self._sort = begun[len(OPENING) :], ThinkTags._inside
            yield from self._inside()
        elif not OPENING.startswith(begun):
            self._sort = ThinkTags._behind
            yield from self._behind()

    def _inside(self) -> Iterator[tuple[str, str]]:
        thought, closing, text = self._held.partition(CLOSING)
        if closing:
            self._held, self._sort = text, ThinkTags._behind
            yield Part.Kind.REASONING, thought
            yield from self._behind()
            return
        sure = len(thought) - unfinished(thought)
        self._held = thought[sure:]
        yield Part.Kind.REASONING, thought[:sure]

    def _behind(self) -> Iterator[tuple[str, str]]:
        text, self._held = self._held, ""
        yield Part.Kind.TEXT, text


def unfinished(thought: str) -> int:
    """How many characters at its end may be the beginning of the closing tag."""
    lengths = range(min(len(CLOSING) - 1, len(thought)), 0, -1)
    return next((length for length in lengths if CLOSING.startswith(thought[-length:])), 0)
