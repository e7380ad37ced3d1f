"""Putting the file together that people download. Nothing in it depends on when or by how many workers it was made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

# The oldest time a ZIP can say.
NO_TIME = (1980, 1, 1, 0, 0, 0)
RARELY_SMALLER = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".zip", ".pdf", ".mp4", ".mp3")


@dataclass(frozen=True, slots=True)
class About:
    """What a file says about itself. Times are UTC, `filters` as in Selection.to_json."""

    site: str
    made_at: datetime
    filters: dict[str, Any]
    pseudonymised: bool
    conversations: int
    messages: int


@dataclass
class Zip:
    """A ZIP being written; `listed` has the size and the SHA-256 of each file in it so far."""

    archive: ZipFile
    listed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, blocks: Iterable[bytes]) -> Iterator[None]:
        """Write one file block by block; yields after each, so that whoever packs can show that it lives."""
        entry = ZipInfo(name, NO_TIME)
        entry.compress_type = ZIP_STORED if name.lower().endswith(RARELY_SMALLER) else ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        digest, size = sha256(), 0
        with self.archive.open(entry, "w", force_zip64=True) as file:
            for block in blocks:
                file.write(block)
                digest.update(block)
                size += len(block)
                yield
        self.listed[name] = {"bytes": size, "sha256": digest.hexdigest()}


def zip_into(out: BinaryIO) -> Zip:
    return Zip(ZipFile(out, "w", ZIP_DEFLATED))


def copy_into(out: BinaryIO, blocks: Iterable[bytes]) -> Iterator[None]:
    for block in blocks:
        out.write(block)
        yield


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()
