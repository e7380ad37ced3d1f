"""Examples for fine-tuning with OpenAI: one conversation per line, {"messages": [{"role", "content"}, ...]}.

Of a conversation the chosen branch, up to the last answer that is whole. It ends before the first answer that is not
(stopped, cut off, failed, empty), before a tool is used and before a picture or file: an example that leaves those out
would teach something that was never said. Reasoning is left out. A conversation of which nothing is left has no line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from conversations.exporting.packing import About, copy_into
from conversations.exporting.records import ConversationRecord, MessageRecord, Whole
from conversations.exporting.spool import Spool

EXAMPLES = "examples.jsonl"
ROLES = ("system", "user", "assistant")
ONLY_TEXT = ("text", "reasoning", "citation")


def write(whole: Whole, spool: Spool) -> None:
    messages = example_of(whole.conversation)
    if messages:
        spool.append(EXAMPLES, msgspec.json.encode({"messages": messages}) + b"\n")


def example_of(conversation: ConversationRecord) -> list[dict[str, str]]:
    said: list[dict[str, str]] = []
    answered = 0
    if conversation.system_prompt.strip():
        said.append({"role": "system", "content": conversation.system_prompt})
    for message in conversation.branch():
        if not fits(message):
            break
        said.append({"role": message.role, "content": message.text})
        if message.role == "assistant":
            answered = len(said)
    return said[:answered]


def fits(message: MessageRecord) -> bool:
    """It can be taught as it stands."""
    plain = message.role in ROLES and all(part.kind in ONLY_TEXT for part in message.parts)
    return plain and bool(message.text.strip()) and (message.role != "assistant" or message.is_whole)


def pack(spool: Spool, out: BinaryIO, about: About) -> Iterator[None]:
    yield from copy_into(out, spool.read(EXAMPLES))
