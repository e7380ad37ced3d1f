"""Stories: what one person goes through in one cycle, drawn from a seed and a number."""

import random
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.proxy import How
from tests.site.markdown_texts import random_text

Ends = Literal["done", "reset", "close", "swallow", "leave", "deaf"]
Act = Literal["", "stop", "stop twice", "delete", "sign out", "ask again"]
Submits = Literal["once", "twice", "lost"]

REFUSALS = ({"status": 429}, {"status": 500}, {"status": 529})
BREAKS = ("close", "reset", "end", "error", "broken_json")
LATEST_ACT_S = 1.0


@dataclass(frozen=True)
class Leg:
    """One connection of a viewer: through which process, how it ends, after how many bytes or events.

    `returns`: with the last event id, as a browser reconnects; without it the page has been loaded again.
    """

    process: int
    ends: Ends
    after: int = 0
    returns: bool = False
    delay_s: float = 0.0

    @property
    def how(self) -> How:
        return "reset" if self.ends == "reset" else "close"


@dataclass(frozen=True)
class Story:
    """`scripts` are what the provider does at the first and at the second attempt."""

    number: int
    text: str = field(repr=False)
    scripts: tuple[dict[str, Any], ...]
    goes_on: bool
    submits: Submits
    cut_after: int
    process: int
    viewers: tuple[tuple[Leg, ...], ...]
    act: Act
    act_after_s: float
    act_process: int
    looks_at: int

    @property
    def endings(self) -> set[str]:
        """The statuses that the run may end with."""
        last = self.scripts[-1]
        ending = "failed" if last.get("fault") or last.get("status") else "complete"
        return {ending, "stopped"} if self.act.startswith("stop") else {ending}


def story(seed: int, number: int, processes: int) -> Story:
    draw = random.Random(f"{seed} {number}")
    text = random_text(draw)
    act = draw.choices(("", "stop", "stop twice", "delete", "sign out", "ask again"), (60, 16, 4, 8, 6, 6))[0]
    return Story(
        number=number,
        text=text,
        scripts=scripts(draw, text, act),
        goes_on=draw.random() < 0.4,
        submits=draw.choices(("once", "twice", "lost"), (80, 10, 10))[0],  # type: ignore[arg-type]
        cut_after=draw.randrange(300),
        process=draw.randrange(processes),
        viewers=tuple(legs(draw, processes) for _ in range(draw.choice((0, 1, 1, 1, 2)))),
        act=act,  # type: ignore[arg-type]
        act_after_s=draw.random() * LATEST_ACT_S,
        act_process=draw.randrange(processes),
        looks_at=draw.randrange(processes),
    )


def scripts(draw: random.Random, text: str, act: str) -> tuple[dict[str, Any], ...]:
    good = {
        "text": text,
        "tokens_per_s": draw.choice((0, 200, 400, 1000)),
        "first_token_delay_s": draw.choice((0, 0, 0.2)),
        "token_chars": (1, draw.choice((4, 20))),
        "seed": draw.randrange(10**6),
    }
    if draw.random() < 0.2:
        good |= {"wire_bytes": (1, 400)}
    if act.startswith("stop") and draw.random() < 0.3:
        return ({"stall_before_first": True},)
    if act == "delete":
        return (good,)  # of a run that is gone nobody could say whether it will ask a second time
    match draw.choices(("good", "at second attempt", "refused", "broken", "stalled"), (62, 10, 8, 16, 4))[0]:
        case "at second attempt":
            return draw.choice(REFUSALS), good
        case "refused":
            return draw.choice(REFUSALS), draw.choice(REFUSALS)
        case "broken":
            return (good | {"fault": {"kind": draw.choice(BREAKS), "after_chars": draw.randint(1, len(text))}},)
        case "stalled":
            return (good | {"fault": {"kind": "stall", "after_chars": draw.randint(1, len(text))}},)
    return (good,)


def legs(draw: random.Random, processes: int) -> tuple[Leg, ...]:
    """Connections that end badly, and mostly one at last that sees the end; else the viewer never comes back."""
    how_many = draw.choice((0, 0, 1, 1, 2, 3))
    ends = draw.choices(("reset", "close", "swallow", "leave", "deaf"), (4, 4, 1, 4, 1), k=how_many)
    if draw.random() < 0.85:
        ends.append("done")
    return tuple(
        Leg(
            process=draw.randrange(processes),
            ends=how,  # type: ignore[arg-type]
            after=draw.randint(0, 6000) if how in ("reset", "close") else draw.randint(0, 5),
            returns=draw.random() < 0.7,
            delay_s=draw.choice((0, 0, 0, 0.05)),
        )
        for how in ends
    )
