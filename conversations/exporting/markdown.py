"""A Markdown file per conversation, and an index: to be read, searched and kept in a folder of notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from typing import BinaryIO

from conversations.exporting.naming import page_name
from conversations.exporting.packing import About, zip_into
from conversations.exporting.records import ConversationRecord, MessageRecord, PartRecord, Whole
from conversations.exporting.spool import Spool
from conversations.exporting.wording import ended, moment, speaker

PAGES, INDEX = "pages", "index"
SPECIAL = re.compile(r"([\\`*_\[\]<>#|!])")


def write(whole: Whole, spool: Spool) -> None:
    conversation = whole.conversation
    name = page_name(conversation.title, conversation.id, "md")
    spool.append_file(PAGES, name, page_of(conversation).encode())
    count = len(conversation.messages)
    spool.append(
        INDEX,
        f"- {conversation.updated_at:%Y-%m-%d} [{plain(conversation.title)}]({name}), "
        f"{plain(conversation.owner.name)}, {count} message{'' if count == 1 else 's'}\n".encode(),
    )


def page_of(conversation: ConversationRecord) -> str:
    """The chosen branch from its first to its last message, then the versions that are not on it."""
    branch = conversation.branch()
    others = [message for message in conversation.messages if not message.chosen]
    pieces = [f"# {plain(conversation.title)}", facts(conversation)]
    pieces += [told(message, "##") for message in branch]
    if others:
        pieces += ["---", "## Other versions", "Not on the branch that is shown, in the order they were made."]
        pieces += [told(message, "###") for message in others]
    return "\n\n".join(pieces) + "\n"


def facts(conversation: ConversationRecord) -> str:
    lines = [
        f"- Owner: {plain(conversation.owner.name)}",
        f"- Begun: {moment(conversation.created_at)}",
        f"- Last changed: {moment(conversation.updated_at)}",
        f"- Conversation: {conversation.id}",
    ]
    if conversation.system_prompt:
        lines.append(f"- System prompt: {plain(conversation.system_prompt)}")
    return "\n".join(lines)


def told(message: MessageRecord, heading: str) -> str:
    version = f", version {message.version} of {message.versions}" if message.versions > 1 else ""
    pieces = [f"{heading} {plain(speaker(message))} ({moment(message.created_at)}{version})"]
    pieces += [text for part in message.parts for text in [part_text(part)] if text]
    if ended(message):
        pieces.append(f"*{ended(message)}*")
    return "\n\n".join(pieces)


def part_text(part: PartRecord) -> str:
    match part.kind:
        case "reasoning":
            return f"<details><summary>Thought</summary>\n\n{part.text}\n\n</details>" if part.text.strip() else ""
        case "tool_call":
            return f"*Used the tool {plain(str(part.data.get('name', '')))}*"
        case "image" | "file":
            return f"*Attached: {plain(str(part.data.get('name') or part.kind))}*"
    return part.text


def plain(text: str) -> str:
    """One line in which nothing is Markdown."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split())) or "New conversation"


def pack(spool: Spool, out: BinaryIO, about: About) -> Iterator[None]:
    packed = zip_into(out)
    with closing(packed.archive):
        for name, content in spool.files(PAGES):
            yield from packed.add(name, [content])
        yield from packed.add("index.md", chain([head_of_index(about).encode()], spool.read(INDEX)))


def head_of_index(about: About) -> str:
    return (
        f"# Conversations of {plain(about.site)}\n\n"
        f"{about.conversations} conversations, {about.messages} messages. Made {moment(about.made_at)}.\n\n"
    )
