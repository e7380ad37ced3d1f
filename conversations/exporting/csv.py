"""A row per message, for spreadsheets. No cell can be taken for a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any, BinaryIO

from conversations.exporting.packing import About, copy_into
from conversations.exporting.records import ConversationRecord, MessageRecord, Whole
from conversations.exporting.spool import Spool
from conversations.exporting.totals import totals_of

ROWS = "rows.csv"
COLUMNS = (
    "conversation_id",
    "conversation_title",
    "owner",
    "owner_email",
    "message_id",
    "parent_id",
    "chosen",
    "version",
    "versions",
    "role",
    "created_at",
    "model",
    "status",
    "finish_reason",
    "text",
    "reasoning",
    "attachments",
    "input_tokens",
    "output_tokens",
    "cost_usd",
)
# With this at its start spreadsheets can tell that the text is UTF-8.
BYTE_ORDER_MARK = "\ufeff"
# Spreadsheets run a cell that begins so, some of them also in its wide form or behind blanks.
BEGINS_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def write(whole: Whole, spool: Spool) -> None:
    rows = StringIO(newline="")
    writer = csv.writer(rows)
    for message in whole.conversation.messages:
        writer.writerow([cell(value) for value in row_of(whole, message, whole.conversation)])
    spool.append(ROWS, rows.getvalue().encode())


def row_of(whole: Whole, message: MessageRecord, conversation: ConversationRecord) -> list[Any]:
    run, totals = message.run, totals_of(whole.calls_of(message))
    return [
        conversation.id,
        conversation.title,
        conversation.owner.name,
        conversation.owner.email,
        message.id,
        message.parent,
        "yes" if message.chosen else "no",
        message.version,
        message.versions,
        message.role,
        message.created_at.isoformat(),
        run.model if run else "",
        run.status if run else "",
        run.finish_reason if run else "",
        message.text,
        message.said("reasoning"),
        sum(part.kind in ("image", "file") for part in message.parts),
        totals.input_tokens,
        totals.output_tokens,
        totals.cost_usd,
    ]


def cell(value: Any) -> Any:
    """Texts that could be taken for a formula begin with an apostrophe, which spreadsheets show as text."""
    if not isinstance(value, str):
        return value
    begins = value.startswith(BEGINS_FORMULA) or value.lstrip().startswith(BEGINS_FORMULA)
    return f"'{value}" if begins else value


def pack(spool: Spool, out: BinaryIO, about: About) -> Iterator[None]:
    out.write(f"{BYTE_ORDER_MARK}{','.join(COLUMNS)}\r\n".encode())
    yield from copy_into(out, spool.read(ROWS))
