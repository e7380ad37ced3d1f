"""How long something took on a machine with cores to spare: for what is promised to people in seconds.

While other programs have all cores, nothing of ours can move. The kernel counts for each thread how long it was ready
to run and had no core; that much is left out.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import psutil

NANOSECONDS = 1e9


class Stopwatch:
    """Runs from its making, for this process and all it has started."""

    def __init__(self) -> None:
        self._waited_before = dict(waits())
        self.began = monotonic()

    def waited_s(self) -> float:
        return sum(max(0.0, now - self._waited_before.get(thread, 0.0)) for thread, now in waits())

    def took_s(self, until: float | None = None) -> float:
        """Seconds until that moment of the monotonic clock, or until now."""
        return (until or monotonic()) - self.began - self.waited_s()


def busy_s(pid: int) -> float:
    """Seconds that the threads of a process have had a core, or wanted one and had none."""
    counted = [(thread / "schedstat").read_text().split() for thread in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(ran) + int(waited) for ran, waited, _ in counted) / NANOSECONDS


def waits() -> Iterator[tuple[int, float]]:
    """Seconds that each thread has been without a core since it began; nothing where the kernel does not count."""
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with suppress(OSError):
            for thread in Path(f"/proc/{process.pid}/task").iterdir():
                with suppress(OSError):
                    yield int(thread.name), int((thread / "schedstat").read_text().split()[1]) / NANOSECONDS
