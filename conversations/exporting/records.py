"""What an export says of each row: the words of our own archive, which all other formats are made from.

Times are UTC. Whatever is unknown is null, never zero. Fields are only ever added; docs/exports.md has a line for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct


class Person(Struct):
    """`id` is null where people have pseudonyms."""

    id: int | None
    name: str
    email: str


class PartRecord(Struct, omit_defaults=True):
    """`file` is the path within the archive of what `data` carried as base64; `html` what the site shows."""

    index: int
    kind: str
    text: str
    data: dict[str, Any]
    file: str = ""
    html: str | None = None


class RunRecord(Struct):
    id: UUID
    model: str
    status: str
    error_kind: str
    finish_reason: str
    created_at: datetime
    ended_at: datetime | None
    events: list[dict[str, Any]]


class MessageRecord(Struct):
    """`chosen`: on the branch that is shown. `version` of `versions`: its place among its siblings, from 1."""

    id: UUID
    parent: UUID | None
    role: str
    created_at: datetime
    chosen: bool
    version: int
    versions: int
    parts: list[PartRecord]
    runs: list[RunRecord]

    @property
    def run(self) -> RunRecord | None:
        """The latest run that wrote it; None for a question."""
        return self.runs[-1] if self.runs else None

    @property
    def text(self) -> str:
        return self.said("text")

    def said(self, kind: str) -> str:
        return "\n\n".join(part.text for part in self.parts if part.kind == kind)

    @property
    def is_whole(self) -> bool:
        """The model said all it wanted to say (as Message.is_whole)."""
        run = self.run
        return run is not None and run.status == "complete" and run.finish_reason not in ("length", "paused")


class ConversationRecord(Struct):
    """A conversation with all its branches: messages in the order they were made."""

    id: UUID
    owner: Person
    title: str
    model: str
    system_prompt: str
    settings: dict[str, Any]
    pinned: bool
    archived: bool
    created_at: datetime
    updated_at: datetime
    chosen_leaf: UUID | None
    messages: list[MessageRecord]

    def branch(self) -> list[MessageRecord]:
        """What is shown: the chosen messages from the first to the last."""
        return [message for message in self.messages if message.chosen]


class CallRecord(Struct):
    """A row of the ledger (UsageRecord): tokens and US dollars of one provider call, or a correction of one."""

    id: UUID
    created_at: datetime
    conversation: UUID
    owner: Person
    run: UUID | None
    corrects: UUID | None
    provider: str
    model_asked: str
    model_answered: str
    purpose: str
    outcome: str
    confidence: str
    fresh_input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int | None
    reasoning: int | None
    cost_usd: Decimal | None
    saved_usd: Decimal | None
    price: dict[str, Any] | None
    ttft_s: float | None
    duration_s: float | None


@dataclass(slots=True)
class Whole:
    """A conversation and its rows of the ledger."""

    conversation: ConversationRecord
    calls: list[CallRecord]

    def texts(self) -> Iterator[PartRecord]:
        for message in self.conversation.messages:
            yield from message.parts

    def calls_of(self, message: MessageRecord) -> list[CallRecord]:
        """What the answer used over all its runs."""
        runs = {run.id for run in message.runs}
        return [call for call in self.calls if call.run in runs]
