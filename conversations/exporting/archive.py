"""Our own archive: everything there is, to be kept, checked and read by programs. A ZIP; see docs/exports.md."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import BinaryIO

import msgspec

from conversations.exporting.naming import plain_name
from conversations.exporting.packing import About, zip_into
from conversations.exporting.records import MessageRecord, PartRecord, Whole
from conversations.exporting.spool import Spool

FORMAT, VERSION = "chatsite-archive", 1
CONVERSATIONS, USAGE, ATTACHMENTS, MANIFEST = "conversations.jsonl", "usage.jsonl", "attachments", "manifest.json"


def write(whole: Whole, spool: Spool) -> None:
    for message in whole.conversation.messages:
        for part in message.parts:
            if "base64" in part.data:
                put_aside(message, part, spool)
    spool.append(CONVERSATIONS, line_of(whole.conversation))
    for call in whole.calls:
        spool.append(USAGE, line_of(call))


def put_aside(message: MessageRecord, part: PartRecord, spool: Spool) -> None:
    """A picture or file becomes a file of the archive; its part says which."""
    content = b64decode(part.data["base64"])
    part.data = {name: value for name, value in part.data.items() if name != "base64"}
    part.file = f"{ATTACHMENTS}/{message.id}-{part.index}-{plain_name(part.data.get('name') or part.kind)}"
    spool.append_file(ATTACHMENTS, part.file, content)


def line_of(record: object) -> bytes:
    return msgspec.json.encode(record) + b"\n"


def pack(spool: Spool, out: BinaryIO, about: About) -> Iterator[None]:
    packed = zip_into(out)
    with closing(packed.archive):
        for name in (CONVERSATIONS, USAGE):
            yield from packed.add(name, spool.read(name))
        for name, content in spool.files(ATTACHMENTS):
            yield from packed.add(name, [content])
        counts = {
            "conversations": about.conversations,
            "messages": about.messages,
            "calls": lines_in(spool.read(USAGE)),
            "attachments": len(packed.listed) - 2,
        }
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "site": about.site,
            "made_at": about.made_at,
            "filters": about.filters,
            "pseudonymised": about.pseudonymised,
            "counts": counts,
            "files": dict(packed.listed),
        }
        yield from packed.add(MANIFEST, [msgspec.json.format(msgspec.json.encode(manifest), indent=2)])


def lines_in(blocks: Iterable[bytes]) -> int:
    return sum(block.count(b"\n") for block in blocks)
