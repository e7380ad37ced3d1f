"""Frames: what one SSE event carries from a viewer's position to now. Pure: (position, hub) -> (bytes, position).

A part stands in the page as three regions: finished blocks, which only get more; the open container (code, list or
table), which gets more units; the tail, which is replaced whole. All markup is in `stream.html`.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from conversations.rendering.blocks import Blocks
from conversations.rendering.containers import OpenBlock
from conversations.rendering.tail import Tail
from conversations.streaming.cursor import Cursor
from conversations.streaming.hub import Hub, ShownPart

TEMPLATE = "conversations/stream.html"
LINE_END = re.compile("\r\n|\r|\n")
NO_TAIL = Tail(SafeString(""), SafeString(""))
# What is filled in where a partial has nothing else to fill in.
FILLED_IN = ("place", "html", "head", "inside", "foot")
WITH_PARTS = ("new_part", "changed_part")

type Filling = dict[str, str]


class Position(NamedTuple):
    """How much of the answer a viewer holds. All parts before `part` are held whole; -1 means none is held.

    `finished` counts finished blocks; `container` names the open container (start, version), of which it holds `units`.
    """

    version: int
    part: int = -1
    finished: int = 0
    container: tuple[int, int] | None = None
    units: int = 0
    tail: Tail = NO_TAIL
    note: str = ""


def frame(event: str, data: str, cursor: str = "") -> bytes:
    """One complete SSE event. Only real line ends split data; the browser joins the lines again."""
    lines = "\ndata: ".join(LINE_END.split(data))
    name = f"id: {cursor}\n" if cursor else ""
    return f"event: {event}\n{name}data: {lines}\n\n".encode()


def reset_frame(hub: Hub) -> tuple[bytes, Position]:
    """Everything there is: replaces whatever the viewer holds."""
    html = render_to_string(f"{TEMPLATE}#reset", {"message_id": hub.message_id, "parts": hub.parts, "note": hub.note})
    return frame("reset", html, cursor_of(hub)), position_of(hub)


def delta_frame(hub: Hub, held: Position) -> tuple[bytes, Position]:
    """What has come since `held`; empty bytes when there is nothing to show. Viewers at one position share it."""
    made = hub.frames.get(held)
    if made is None:
        made = hub.frames[held] = new_delta_frame(hub, held)
    return made


def new_delta_frame(hub: Hub, held: Position) -> tuple[bytes, Position]:
    now = position_of(hub)
    html = "".join(
        swapped(hub, part, partial, filling)
        for part in hub.parts[max(held.part, 0) :]
        for partial, filling in part_changes(part, held)
    )
    if hub.note != held.note:
        html += render_to_string(f"{TEMPLATE}#note", {"message_id": hub.message_id, "note": hub.note})
    if not html:
        return b"", now
    moved = (now.part, now.finished) != (held.part, held.finished)
    return frame("delta", html, cursor_of(hub) if moved else ""), now


def swapped(hub: Hub, part: ShownPart, partial: str, filling: Filling) -> str:
    if partial in WITH_PARTS:
        return render_to_string(f"{TEMPLATE}#{partial}", {"message_id": hub.message_id, "part": part})
    pieces = markup(partial).copy()
    pieces[1::2] = ({"place": part.place, **filling}[name] for name in pieces[1::2])
    return "".join(pieces)


@cache
def markup(partial: str) -> list[str]:
    """What stands around what is filled in, and the name of that in between, by turns.

    To render the template for each frame would cost as much as all else that is done for it.
    """
    html = render_to_string(f"{TEMPLATE}#{partial}", {name: SafeString(f"{{{name}}}") for name in FILLED_IN})
    return re.split("{(" + "|".join(FILLED_IN) + ")}", html)


def part_changes(part: ShownPart, held: Position) -> Iterator[tuple[str, Filling]]:
    """What brings one part up to date: partials of `stream.html`, each with the HTML that is new in it."""
    if part.index > held.part:
        yield "new_part", {}
    elif part.ended and part.kind == "reasoning":
        yield "changed_part", {}
    elif part.blocks is not None:
        yield from text_changes(part.blocks, held)


def text_changes(blocks: Blocks, held: Position) -> Iterator[tuple[str, Filling]]:
    if len(blocks.finished) > held.finished:
        yield "blocks", {"html": "".join(block.html for block in blocks.finished[held.finished :])}
    if container_of(blocks) != held.container:
        yield new_container(blocks.open, blocks.tail)
    elif blocks.open is not None:
        yield from container_changes(blocks.open, blocks.tail, held)
    if blocks.tail.below != held.tail.below:
        yield "tail", {"html": blocks.tail.below}


def new_container(container: OpenBlock | None, tail: Tail) -> tuple[str, Filling]:
    if container is None:
        return "nothing_open", {}
    html: Filling = {"head": container.head, "html": container.finished, "inside": tail.inside, "foot": container.foot}
    return f"new_{container.kind}", html


def container_changes(container: OpenBlock, tail: Tail, held: Position) -> Iterator[tuple[str, Filling]]:
    if len(container.units) > held.units:
        yield f"{container.kind}_units", {"html": "".join(container.units[held.units :])}
    if tail.inside != held.tail.inside:
        yield f"{container.kind}_inside", {"html": tail.inside}


def container_of(blocks: Blocks) -> tuple[int, int] | None:
    return (blocks.open.start, blocks.open.version) if blocks.open else None


def position_of(hub: Hub) -> Position:
    """The position of a viewer who holds everything."""
    if not hub.parts:
        return Position(hub.version, note=hub.note)
    last = hub.parts[-1]
    if last.blocks is None:
        return Position(hub.version, last.index, note=hub.note)
    blocks = last.blocks
    units = len(blocks.open.units) if blocks.open else 0
    return Position(hub.version, last.index, len(blocks.finished), container_of(blocks), units, blocks.tail, hub.note)


def cursor_of(hub: Hub) -> str:
    """The cursor of a viewer who holds everything: it names the end of the last finished block.

    Empty while there is no part: a viewer who comes back from there needs a reset, since it has no regions to fill.
    """
    if not hub.parts:
        return ""
    blocks = hub.parts[-1].blocks
    offset = blocks.finished[-1].end if blocks and blocks.finished else 0
    return str(Cursor(hub.generation_id, len(hub.parts) - 1, offset))


def position_at(hub: Hub, cursor: Cursor | None) -> Position | None:
    """What a browser that comes back with `cursor` holds for certain; None when only a reset can help.

    Its open container and tail are replaced: they are named by a container that never matches.
    """
    if cursor is None or cursor.generation != hub.generation_id or not 0 <= cursor.part < len(hub.parts):
        return None
    blocks = hub.parts[cursor.part].blocks
    if blocks is None:
        return None
    ends = [0, *(block.end for block in blocks.finished)]
    if cursor.offset not in ends:
        return None
    return Position(
        hub.version, cursor.part, ends.index(cursor.offset), (-1, -1), 0, Tail(SafeString("?"), SafeString("?"))
    )
