"""A natural pace for what is said without a network: by the clock, so that reading in gulps slows nothing down."""

import asyncio


class Pace:
    """`await pace.beat()` returns at most `per_s` times a second on average; time the reader takes is made up for."""

    def __init__(self, per_s: float) -> None:
        self._period_s = 1 / per_s
        self._due = asyncio.get_running_loop().time()

    async def beat(self) -> None:
        self._due += self._period_s
        wait_s = self._due - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
