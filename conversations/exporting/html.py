"""A printable page per conversation, and an index. Each file stands alone: no script, no request, its style inside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from conversations.exporting.naming import page_name
from conversations.exporting.packing import About, zip_into
from conversations.exporting.records import ConversationRecord, MessageRecord, PartRecord, Whole
from conversations.exporting.spool import Spool
from conversations.exporting.wording import day_and_time, ended, speaker
from conversations.rendering.markdown import render

NOTHING = SafeString("")
PAGES, INDEX = "pages", "index"
TEMPLATE = "exports/written.html"
STYLES = ("css/export.css", "css/markdown.css", "code.css")
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")


@dataclass(frozen=True)
class ShownPart:
    kind: str
    text: str
    html: SafeString = NOTHING
    picture: str = ""


@dataclass(frozen=True)
class ShownMessage:
    """A message as the page shows it; `number` counts the messages of the conversation from 1, `when` is its time."""

    message: MessageRecord
    number: int
    when: str
    speaker: str
    ended: str
    parts: list[ShownPart]


def write(whole: Whole, spool: Spool) -> None:
    conversation = whole.conversation
    name = page_name(conversation.title, conversation.id, "html")
    spool.append_file(PAGES, name, page_of(conversation, back="../index.html").encode())
    context = {"conversation": conversation, "name": name}
    spool.append(INDEX, render_to_string(f"{TEMPLATE}#entry", context).encode())


def page_of(conversation: ConversationRecord, back: str = "") -> str:
    """The chosen branch from its first to its last message, then the versions that are not on it."""
    messages = [shown(message, number) for number, message in enumerate(conversation.messages, start=1)]
    context = {
        "conversation": conversation,
        "branch": [each for each in messages if each.message.chosen],
        "others": [each for each in messages if not each.message.chosen],
        "back": back,
        **style(),
    }
    return render_to_string(f"{TEMPLATE}#conversation", context)


def shown(message: MessageRecord, number: int) -> ShownMessage:
    parts = [shown_part(part, message.role) for part in message.parts]
    return ShownMessage(message, number, day_and_time(message.created_at), speaker(message), ended(message), parts)


def shown_part(part: PartRecord, role: str) -> ShownPart:
    """What people wrote stays as they wrote it; what models wrote is Markdown, as on the site."""
    match part.kind:
        case "text" | "reasoning" if role != "user":
            return ShownPart(part.kind, part.text, SafeString(render(part.text) if part.html is None else part.html))
        case "image" if part.data.get("media_type") in PICTURES and "base64" in part.data:
            picture = f"data:{part.data['media_type']};base64,{part.data['base64']}"
            return ShownPart("image", str(part.data.get("name", "")), picture=picture)
        case "text" | "reasoning" | "citation":
            return ShownPart(part.kind, part.text)
    return ShownPart(part.kind, str(part.data.get("name") or part.kind))


@cache
def style() -> dict[str, str]:
    """The style sheet of a page, and its hash: what the page's own policy allows, and nothing else."""
    sheet = "\n".join(Path(str(finders.find(name))).read_text() for name in STYLES)
    return {"style": SafeString(sheet), "style_hash": b64encode(sha256(sheet.encode()).digest()).decode()}


def pack(spool: Spool, out: BinaryIO, about: About) -> Iterator[None]:
    packed = zip_into(out)
    with closing(packed.archive):
        for name, content in spool.files(PAGES):
            yield from packed.add(name, [content])
        head, foot = render_to_string(f"{TEMPLATE}#index", {"about": about, **style()}).split("<!--entries-->")
        yield from packed.add("index.html", chain([head.encode()], spool.read(INDEX), [foot.encode()]))
