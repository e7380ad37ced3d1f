"""From a selection to a file: what a job of the worker and the command in the foreground have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from conversations.exporting.formats import Format
from conversations.exporting.packing import About
from conversations.exporting.pseudonyms import Pseudonyms
from conversations.exporting.reading import batches
from conversations.exporting.spool import Spool
from conversations.models.conversation import ConversationQuerySet


@dataclass(frozen=True, slots=True)
class Batch:
    """What has just been written: how much, and the last conversation of it."""

    last: UUID
    conversations: int
    messages: int


def write_all(
    conversations: ConversationQuerySet,
    made: Format,
    spool: Spool,
    *,
    pseudonyms: Pseudonyms | None = None,
    after: UUID | None = None,
    alive: Callable[[], None],
) -> Iterator[Batch]:
    """Write everything behind `after` into the spool, yielding after each batch. `alive` is called all the time."""
    for batch in batches(conversations, after, with_html=made.with_html):
        messages = 0
        for whole in batch:
            alive()
            messages += len(whole.conversation.messages)
            made.write(pseudonyms.hide(whole) if pseudonyms else whole, spool)
        if batch:
            yield Batch(batch[-1].conversation.id, len(batch), messages)


def pack_into(path: Path, made: Format, spool: Spool, about: About, *, alive: Callable[[], None]) -> None:
    """Put the file together; what stood at `path` is replaced."""
    with path.open("wb") as out:
        for _ in made.pack(spool, out, about):
            alive()
