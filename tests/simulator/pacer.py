"""One timer for all streams: what falls due within the same two milliseconds is served in one wake-up."""

import asyncio
import heapq
import math
from collections.abc import Callable

SLOT_S = 0.002
Wake = Callable[[float], None]


class Pacer:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._slots: dict[int, list[Wake]] = {}
        self._order: list[int] = []
        self._timer: asyncio.TimerHandle | None = None

    def now(self) -> float:
        return self._loop.time()

    def at(self, due: float, wake: Wake) -> None:
        """Call `wake(now)` when `due` has come on the loop's clock, up to 2 ms late, never early."""
        slot = math.ceil(due / SLOT_S)
        if waiting := self._slots.get(slot):
            waiting.append(wake)
            return
        self._slots[slot] = [wake]
        heapq.heappush(self._order, slot)
        if self._order[0] == slot:
            self._arm()

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._order[0] * SLOT_S, self._serve) if self._order else None

    def _serve(self) -> None:
        now = self._loop.time()
        self._timer = None
        # a wake-up may put itself into a slot that is due at once: the loop below must not see it before the next round
        due = []
        while self._order and self._order[0] * SLOT_S <= now:
            due += self._slots.pop(heapq.heappop(self._order))
        for wake in due:
            wake(now)
        if not self._timer:
            self._arm()
