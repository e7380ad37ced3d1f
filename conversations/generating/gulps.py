"""Reading a provider in gulps: to wait for one token costs more than all else that is done with it."""

import asyncio
from time import monotonic

WAITED_S = 0.005


class Gulps:
    """Rests when a delta had to be waited for, so that those after it come together.

    What is there already is let through at once: a provider that is faster than we are never waits for us.
    """

    def __init__(self) -> None:
        self._ready_at = monotonic()

    async def rest(self, calm_s: float) -> None:
        """Call it after each delta; for `calm_s` nobody misses the next one."""
        if calm_s > 0 and monotonic() - self._ready_at > WAITED_S:
            await asyncio.sleep(calm_s)
        self._ready_at = monotonic()
