"""How much would be exported: exact counts, and about how large the file will be."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Sum
from django.db.models.functions import Length

from conversations.exporting.formats import estimated_bytes
from conversations.exporting.selection import Selection
from conversations.models import Message, Part

# The size is estimated from so many of the latest conversations, so that a form can show it while it is filled in.
SAMPLE = 500


@dataclass(frozen=True, slots=True)
class Preview:
    conversations: int
    messages: int
    bytes: int


def preview(selection: Selection, format_name: str) -> Preview:
    found = selection.found()
    count = found.count()
    if not count:
        return Preview(0, 0, 0)
    messages = Message.objects.filter(conversation__in=found.values("pk")).count()
    sample = list(found.order_by("-pk").values_list("pk", flat=True)[:SAMPLE])
    parts = Part.objects.filter(message__conversation__in=sample)
    characters = parts.aggregate(total=Sum(Length("text")))["total"] or 0
    return Preview(count, messages, estimated_bytes(format_name, count, messages, characters * count // len(sample)))
