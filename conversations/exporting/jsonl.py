"""A message per line, as JSON, each with what one needs to know of its conversation. For programs that read streams."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import BinaryIO
from uuid import UUID

import msgspec
from msgspec import Struct

from conversations.exporting.packing import About, copy_into
from conversations.exporting.records import PartRecord, RunRecord, Whole
from conversations.exporting.spool import Spool
from conversations.exporting.totals import totals_of

LINES = "messages.jsonl"


class Line(Struct):
    conversation_id: UUID
    conversation_title: str
    owner: str
    owner_email: str
    message_id: UUID
    parent_id: UUID | None
    chosen: bool
    version: int
    versions: int
    role: str
    created_at: datetime
    text: str
    parts: list[PartRecord]
    runs: list[RunRecord]
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: Decimal | None


def write(whole: Whole, spool: Spool) -> None:
    encoder = msgspec.json.Encoder()
    spool.append(LINES, b"".join(encoder.encode(line) + b"\n" for line in lines_of(whole)))


def lines_of(whole: Whole) -> Iterator[Line]:
    conversation = whole.conversation
    for message in conversation.messages:
        totals = totals_of(whole.calls_of(message))
        yield Line(
            conversation_id=conversation.id,
            conversation_title=conversation.title,
            owner=conversation.owner.name,
            owner_email=conversation.owner.email,
            message_id=message.id,
            parent_id=message.parent,
            chosen=message.chosen,
            version=message.version,
            versions=message.versions,
            role=message.role,
            created_at=message.created_at,
            text=message.text,
            parts=message.parts,
            runs=message.runs,
            input_tokens=totals.input_tokens,
            output_tokens=totals.output_tokens,
            cost_usd=totals.cost_usd,
        )


def pack(spool: Spool, out: BinaryIO, about: About) -> Iterator[None]:
    yield from copy_into(out, spool.read(LINES))
