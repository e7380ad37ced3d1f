"""What a process that dies may lose: the last of what its answers had been sent, and nothing before that."""

import random
import re
from itertools import islice, repeat

from tests.simulator.records import Seen

MAY_MISS_CHARS, MAY_MISS_S = 50, 0.5


# A word that goes on as it began, or as it has just gone on, cannot be told from one that was begun again.
SAYS_TWICE = re.compile(r"^(.+)\1|(.{3,})\2")


def words(chance: random.Random, count: int = 1500) -> str:
    """A long text in which nothing comes twice in a way that could be taken for a repetition."""
    drawn = (f"{chance.randrange(36**6):x}" for _ in repeat(None))
    chosen = islice((word for word in drawn if not SAYS_TWICE.search(word)), count)
    return " ".join(word + chance.choice(("", "", ".\n\n", ", 🦋")) for word in chosen)


def is_recent_enough(stored: str, seen: Seen, killed_at: float, may_miss_s: float) -> bool:
    """Whether no more is missing than the last 50 characters or half a second of what had been sent."""
    return sent_by(seen, killed_at) - len(stored) <= MAY_MISS_CHARS or len(stored) >= sent_by(
        seen, killed_at - may_miss_s
    )


def sent_by(seen: Seen, moment: float) -> int:
    return max((chars for at, chars in seen.log if at <= moment), default=0)
