"""The formats, each a file of its own here: how a conversation is written, and how the file is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from conversations.exporting import archive, csv, fine_tuning, html, jsonl, markdown
from conversations.exporting.packing import About
from conversations.exporting.records import Whole
from conversations.exporting.spool import Spool
from conversations.models import ExportJob

Name = ExportJob.Format


@dataclass(frozen=True)
class Format:
    """`write` puts one conversation into the spool; `pack` makes the file of it, yielding now and then.

    `bytes_per_character`, `per_message` and `per_conversation` (bytes) estimate the file's size from the texts in it.
    """

    suffix: str
    media_type: str
    write: Callable[[Whole, Spool], None]
    pack: Callable[[Spool, BinaryIO, About], Iterator[None]]
    bytes_per_character: float
    per_message: int
    per_conversation: int
    with_html: bool = False


FORMATS = {
    Name.ARCHIVE: Format("zip", "application/zip", archive.write, archive.pack, 0.36, 160, 150),
    Name.MARKDOWN: Format("zip", "application/zip", markdown.write, markdown.pack, 0.45, 30, 400),
    Name.HTML: Format("zip", "application/zip", html.write, html.pack, 0.5, 60, 4500, with_html=True),
    Name.CSV: Format("csv", "text/csv; charset=utf-8", csv.write, csv.pack, 1.03, 260, 0),
    Name.JSONL: Format("jsonl", "application/jsonl", jsonl.write, jsonl.pack, 2.1, 650, 0),
    Name.FINE_TUNING: Format("jsonl", "application/jsonl", fine_tuning.write, fine_tuning.pack, 1.03, 35, 16),
}


def estimated_bytes(format_name: str, conversations: int, messages: int, characters: int) -> int:
    """About how large the file will be; `characters` is the text of all messages."""
    made = FORMATS[Name(format_name)]
    size = characters * made.bytes_per_character + messages * made.per_message + conversations * made.per_conversation
    return round(size)
