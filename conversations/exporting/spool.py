"""Where an export grows: append-only files, of which only what the job's row says counts.

Each worker that takes the job up writes files of its own into a folder of its own. What a killed worker had written
beyond the last checkpoint is never read, and one that was thought dead and comes back spoils nothing: no two of them
ever write to the same file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO
from uuid import UUID

BLOCK = 256 * 1024
LENGTHS = Struct(">II")


class Spool:
    """Streams of bytes by name. `written` is what checkpoints recorded: [{"by": folder, "lengths": {name: bytes}}]."""

    def __init__(self, folder: Path, token: UUID, written: list[dict[str, Any]] | None = None) -> None:
        self._folder = folder
        self._by = token.hex
        self._earlier = [each for each in written or [] if each["by"] != self._by]
        self._open: dict[str, BinaryIO] = {}
        self._lengths: dict[str, int] = {}
        (folder / self._by).mkdir(parents=True, exist_ok=True)

    @property
    def is_intact(self) -> bool:
        """Everything that checkpoints recorded is on the disk."""
        return all(
            path.exists() and path.stat().st_size >= length
            for each in self._earlier
            for name, length in each["lengths"].items()
            for path in [self._folder / each["by"] / name]
        )

    # --- writing ------------------------------------------------------------

    def append(self, stream: str, content: bytes) -> None:
        if stream not in self._open:
            self._open[stream] = (self._folder / self._by / stream).open("wb")
        self._lengths[stream] = self._lengths.get(stream, 0) + self._open[stream].write(content)

    def append_file(self, stream: str, name: str, content: bytes) -> None:
        """A whole file within a stream; see `files`."""
        path = name.encode()
        self.append(stream, LENGTHS.pack(len(path), len(content)))
        self.append(stream, path)
        self.append(stream, content)

    def flush(self) -> list[dict[str, Any]]:
        """Hand everything to the operating system; gives what a checkpoint records."""
        for file in self._open.values():
            file.flush()
        mine = [{"by": self._by, "lengths": dict(self._lengths)}] if self._lengths else []
        return self._earlier + mine

    def close(self) -> None:
        for file in self._open.values():
            file.close()

    # --- reading ------------------------------------------------------------

    def read(self, stream: str) -> Iterator[bytes]:
        """The stream from its beginning, in blocks."""
        for each in self.flush():
            length = each["lengths"].get(stream, 0)
            if length:
                with (self._folder / each["by"] / stream).open("rb") as file:
                    while length:
                        block = file.read(min(BLOCK, length))
                        length -= len(block)
                        yield block

    def files(self, stream: str) -> Iterator[tuple[str, bytes]]:
        """The files within a stream, one in memory at a time."""
        for each in self.flush():
            left = each["lengths"].get(stream, 0)
            if left:
                with (self._folder / each["by"] / stream).open("rb") as file:
                    while left:
                        path, size = LENGTHS.unpack(file.read(LENGTHS.size))
                        left -= LENGTHS.size + path + size
                        yield file.read(path).decode(), file.read(size)
