"""The recorded provider streams (`wire/README.md`), as the simulator serves them."""

import functools
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.data import WIRE


@dataclass(frozen=True, slots=True)
class RecordedStream:
    body: bytes
    text: str  # what `index.json` expects a reader to have seen


class RecordedRefusal(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: str


class _Expected(msgspec.Struct, frozen=True):
    text: str | None = None


class _File(msgspec.Struct, frozen=True):
    file: str
    expected: _Expected


class _Index(msgspec.Struct, frozen=True):
    files: list[_File]


@functools.cache
def recorded_stream(name: str) -> RecordedStream:
    return RecordedStream(_wire_file(name).read_bytes(), _expected_texts().get(name) or "")


@functools.cache
def recorded_refusal(name: str) -> RecordedRefusal:
    return msgspec.json.decode(_wire_file(name).read_bytes(), type=RecordedRefusal)


@functools.cache
def _expected_texts() -> dict[str, str | None]:
    index = msgspec.json.decode(_wire_file("index.json").read_bytes(), type=_Index)
    return {file.file: file.expected.text for file in index.files}


def _wire_file(name: str) -> Path:
    path = (WIRE / name).resolve()
    if not path.is_relative_to(WIRE):
        raise FileNotFoundError(f"{name} is not below {WIRE}")
    return path
