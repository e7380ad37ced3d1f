"""Recorded answers of real providers, from `tests/data/wire`."""

import functools
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.data import WIRE

SMALL = 3_000
SEED = 20261122


@dataclass(frozen=True)
class Recording:
    """One streamed response. `expected` is described in `index.json` under `expected_semantics`."""

    name: str
    tags: frozenset[str]
    expected: dict[str, Any]

    @property
    def body(self) -> bytes:
        return (WIRE / self.name).read_bytes()

    def __str__(self) -> str:
        return Path(self.name).stem


@dataclass(frozen=True)
class RecordedError:
    """One refused request as it came: status, headers, body."""

    name: str
    status: int
    headers: dict[str, str]
    body: bytes
    expected: dict[str, Any]

    def __str__(self) -> str:
        return Path(self.name).name.removesuffix(".error.json")


@functools.cache
def _index() -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = json.loads((WIRE / "index.json").read_text())["files"]
    return files


def recordings(api: str) -> list[Recording]:
    """Every streamed response of one wire API: `openai_responses`, `openai_chat`, `anthropic` or `google`."""
    return [
        Recording(entry["file"], frozenset(entry["tags"]), entry["expected"])
        for entry in _index()
        if entry["file"].startswith(f"{api}/") and entry["file"].endswith(".sse")
    ]


def recording(name: str) -> Recording:
    """The one whose file name contains `name`."""
    (found,) = [r for api in {e["file"].split("/")[0] for e in _index()} for r in recordings(api) if name in r.name]
    return found


def recorded_errors(api: str) -> list[RecordedError]:
    errors = []
    for entry in _index():
        if entry["file"].startswith(f"{api}/") and entry["file"].endswith(".error.json"):
            wire = json.loads((WIRE / entry["file"]).read_text())
            errors.append(
                RecordedError(entry["file"], wire["status"], wire["headers"], wire["body"].encode(), entry["expected"])
            )
    return errors


def awkward_cuts(body: bytes, *, seed: int = SEED) -> list[int]:
    """Offsets at which to cut a body: every one of a small body, otherwise the nasty ones and some at random.

    Nasty: inside a UTF-8 sequence, between CR and LF, between the two ends of line of an event, inside `data:`.
    """
    if len(body) < SMALL:
        return list(range(1, len(body)))
    inside_character = [i for i, byte in enumerate(body) if 0x80 <= byte < 0xC0]
    between_ends = [i for i in range(1, len(body)) if body[i - 1] in b"\r\n" and body[i] in b"\r\n"]
    inside_field = [i + 3 for i in range(len(body)) if body.startswith(b"data:", i)]
    pick = random.Random(seed)
    nasty = [
        i for kind in (inside_character, between_ends, inside_field) for i in pick.sample(kind, min(len(kind), 40))
    ]
    return sorted({*nasty, *pick.sample(range(1, len(body)), 100)})
