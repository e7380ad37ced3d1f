"""Ticks: the moments at which the runs of a process make their frames, so that one waking up serves many of them.

A core that has been idle takes up to twice as long for the same work, because nothing of it is at hand any more
(docs/benchmarks.md). So what can wait for a moment waits for the others.
"""

import asyncio
from time import monotonic

TICK_S = 0.04


def nearest_tick(moment_s: float) -> float:
    """The tick nearest to a moment of the monotonic clock."""
    return round(moment_s / TICK_S) * TICK_S


class Ticks:
    """One timer for each tick that somebody waits for."""

    def __init__(self) -> None:
        self._awaited: dict[tuple[asyncio.AbstractEventLoop, float], asyncio.Event] = {}

    async def until(self, moment_s: float) -> None:
        """Returns at the tick nearest to that moment; at once if it is over."""
        tick_s = nearest_tick(moment_s)
        wait_s = tick_s - monotonic()
        if wait_s <= 0:
            return
        loop = asyncio.get_running_loop()
        tick = self._awaited.get((loop, tick_s))
        if tick is None:
            tick = self._awaited[loop, tick_s] = asyncio.Event()
            loop.call_later(wait_s, self._ring, loop, tick_s)
        await tick.wait()

    def _ring(self, loop: asyncio.AbstractEventLoop, tick_s: float) -> None:
        self._awaited.pop((loop, tick_s)).set()


TICKS = Ticks()
