"""One conversation as one file: what its owner downloads at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec

from conversations.exporting import html, markdown
from conversations.exporting.reading import read


@dataclass(frozen=True)
class SingleFormat:
    suffix: str
    media_type: str
    write: Callable[[UUID], bytes]


def as_markdown(conversation_id: UUID) -> bytes:
    [whole] = read([conversation_id])
    return markdown.page_of(whole.conversation).encode()


def as_html(conversation_id: UUID) -> bytes:
    [whole] = read([conversation_id], with_html=True)
    return html.page_of(whole.conversation).encode()


def as_json(conversation_id: UUID) -> bytes:
    """The conversation as in our own archive, with its ledger rows and with files where they were."""
    [whole] = read([conversation_id])
    record = {"conversation": whole.conversation, "usage": whole.calls}
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


SINGLE = {
    "markdown": SingleFormat("md", "text/markdown; charset=utf-8", as_markdown),
    "html": SingleFormat("html", "text/html; charset=utf-8", as_html),
    "json": SingleFormat("json", "application/json", as_json),
}
