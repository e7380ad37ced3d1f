"""Continue: new text follows old in mid-sentence. What the model says again of its last words is dropped."""

# Restarting a whole sentence is the longest repetition that is seen in practice.
LONGEST_OVERLAP = 1_000
# An indentation, a rule of a table or a row of zeros may well come twice: only words count as repeated, and sentences
# and lines that begin again, or that more lines follow.
FEWEST_LETTERS = 3  # different ones; a Chinese or Japanese one says as much as two
CJK = "\u3000"
SENTENCE_ENDS = (".", "!", "?", ":", "。", "！", "？")
FENCES = ("```", "~~~")


class Join:
    """Holds the first new text back for as long as all of it may be a repetition of the old text's end."""

    def __init__(self, old: str) -> None:
        self._end = old[-LONGEST_OVERLAP:]
        self._held = ""
        self._decided = False

    def feed(self, delta: str) -> str:
        """The part of `delta`, and of what was held back, that is new and can be shown."""
        if self._decided:
            return delta
        self._held += delta
        return "" if self._held in self._end else self.rest()

    def rest(self) -> str:
        """What is left when no more comes, or when it is clear what was repeated."""
        if self._decided:
            return ""
        self._decided = True
        return self._held[overlap(self._end, self._held) :]


def overlap(old: str, new: str) -> int:
    """How many characters at the start of `new` repeat the end of `old`; 0 when that may be chance."""
    for length in range(min(len(old), len(new)), 0, -1):
        if old.endswith(new[:length]) and is_said_again(new[:length], old[: len(old) - length]):
            return length
    return 0


def is_said_again(repeated: str, before: str) -> bool:
    letters = sum(2 if character >= CJK else 1 for character in set(repeated) if character.isalnum())
    before = before.rstrip(" ")
    if not before or before.endswith("\n"):
        return letters > 0 or repeated.strip().startswith(FENCES)
    if before.endswith(SENTENCE_ENDS) and any(map(str.isalpha, repeated)):
        return True
    return letters >= FEWEST_LETTERS or (letters > 0 and "\n" in repeated.strip())
