"""How busy this process is, and how far apart frames stand because of it.

Frames of few runs come as smoothly as a page can show them; when runs, pages or other processes want the core, frames
stand further apart, each with more text in it, so that nobody waits behind them.
"""

from collections.abc import Callable
from time import monotonic, process_time

SMOOTHEST_S = 0.08
# How far apart they stand when so much of a core is in use. When nearly all of it is, somebody waits to begin: then so
# much further apart, and once more for each core that is missing.
BUSY_S = 0.16
CALM, BUSY, FULL = 0.05, 0.2, 0.8
SLOWER_S = 0.16
# Frames that come so late on average are a core in full use, whoever uses it.
LATE_S = 0.1

MEASURED_EVERY_S = 0.25
WEIGHT_OF_NEW_SHARE = 0.5
WEIGHT_OF_NEW_LATENESS = 0.05


class Load:
    """Share of a core that this process has used of late. Asked and told once per frame: it costs next to nothing."""

    def __init__(self, clock: Callable[[], float] = monotonic, cpu_clock: Callable[[], float] = process_time) -> None:
        self._clock, self._cpu_clock = clock, cpu_clock
        self._measured_at, self._cpu_s = clock(), cpu_clock()
        self._share = 0.0
        self._late_s = 0.0

    def pace_s(self) -> float:
        """Seconds between two frames of one run."""
        in_use = max(self._measured_share(), self._late_s / LATE_S)
        busy, full = along(CALM, in_use, BUSY), along(FULL, in_use, 1.0)
        return SMOOTHEST_S + (BUSY_S - SMOOTHEST_S) * busy + SLOWER_S * (full + max(0.0, in_use - 1.0))

    def came_late(self, late_s: float) -> None:
        """A frame came so many seconds after it was due."""
        self._late_s += (late_s - self._late_s) * WEIGHT_OF_NEW_LATENESS

    def _measured_share(self) -> float:
        now = self._clock()
        if (passed_s := now - self._measured_at) > MEASURED_EVERY_S:
            cpu_s = self._cpu_clock()
            self._share += ((cpu_s - self._cpu_s) / passed_s - self._share) * WEIGHT_OF_NEW_SHARE
            self._measured_at, self._cpu_s = now, cpu_s
        return self._share


def along(start: float, value: float, end: float) -> float:
    """Where the value is between these, from 0 to 1."""
    return min(max(0.0, value - start) / (end - start), 1.0)


LOAD = Load()
