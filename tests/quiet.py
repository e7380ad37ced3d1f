"""Tests that measure time run while no other does, although several processes share the work."""

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from pathlib import Path


class Room:
    """Ordinary tests of all processes are in it side by side, a quiet one alone. Whoever waits goes first."""

    def __init__(self, folder: Path) -> None:
        self._door = (folder / "door").open("w")
        self._room = (folder / "room").open("w")

    @contextmanager
    def entered(self, *, alone: bool) -> Iterator[None]:
        flock(self._door, LOCK_EX)
        flock(self._room, LOCK_EX if alone else LOCK_SH)
        flock(self._door, LOCK_UN)
        try:
            yield
        finally:
            flock(self._room, LOCK_UN)

    def close(self) -> None:
        self._door.close()
        self._room.close()
