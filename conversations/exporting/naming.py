"""Names of files that every system can store."""

import re
from uuid import UUID

from django.utils.text import slugify

LONGEST = 60
UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


def plain_name(name: str) -> str:
    """The name without folders and odd characters: `my-picture.png`."""
    stem, dot, ending = UNFIT.sub("-", name).strip("-.").rpartition(".")
    return f"{stem[:LONGEST]}{dot}{ending[:10]}" if dot else ending[:LONGEST] or "file"


def page_name(title: str, conversation: UUID, suffix: str) -> str:
    """`conversations/how-to-back-up-5b1c0d9e8f7a.md`: words to find it by, and digits that no other one has."""
    words = slugify(title)[:LONGEST].strip("-") or "conversation"
    return f"conversations/{words}-{conversation.hex[-12:]}.{suffix}"
