"""Taking turns: a process writes so many answers at a time, the next ones wait in line and are told their place."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from django.conf import settings

type TellPlace = Callable[[int], None]


class Line:
    """First come, first served: nobody can push in, because each user has only a few answers at a time."""

    def __init__(self, places: int, longest: int) -> None:
        self._free = places
        self._longest = longest
        self._waiting: deque[tuple[asyncio.Future[None], TellPlace]] = deque()

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        return not self._free and len(self._waiting) >= self._longest

    @asynccontextmanager
    async def turn(self, tell_place: TellPlace) -> AsyncGenerator[None]:
        """Wait for one's turn; `tell_place(n)` is called with 1 for the next in line, and 0 when it is one's turn."""
        await self._wait(tell_place)
        try:
            yield
        finally:
            self._leave()

    async def _wait(self, tell_place: TellPlace) -> None:
        if self._free:
            self._free -= 1
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((called, tell_place))
        tell_place(len(self._waiting))
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():
                self._leave()
            else:
                self._waiting.remove((called, tell_place))
                self._tell()
            raise
        tell_place(0)

    def _leave(self) -> None:
        if not self._waiting:
            self._free += 1
            return
        called, _ = self._waiting.popleft()
        called.set_result(None)
        self._tell()

    def _tell(self) -> None:
        for place, (_, tell_place) in enumerate(self._waiting, 1):
            tell_place(place)


LINE = Line(settings.RUNS_PER_PROCESS, settings.QUEUE_LENGTH)
