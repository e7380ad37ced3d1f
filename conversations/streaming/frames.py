"""Frames: what one SSE event carries from a viewer's position to now. Pure: (position, hub) -> (bytes, position).

A part stands in the page as three regions: finished blocks, which only get more; the open container (code, list or
table), which gets more units; the tail, which is replaced whole. All markup is in `stream.html`.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString

from conversations.rendering.blocks import Blocks
from conversations.rendering.containers import OpenBlock
from conversations.rendering.tail import Tail
from conversations.stencils import Stencil, cached
from conversations.streaming.cursor import Cursor
from conversations.streaming.hub import Hub, ShownPart

TEMPLATE = "conversations/stream.html"
LINE_END = re.compile("\r\n|\r|\n")
NO_TAIL = Tail(SafeString(""), SafeString(""))
# What is filled into partials that name nothing else.
FILLED_IN = ("place", "html", "inside", "tail", "head", "foot")


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
    html = filled("reset", hub.place, html="".join(map(part_html, hub.parts))) + note_html(hub)
    return frame("reset", html, cursor_of(hub)), position_of(hub)


def delta_frame(hub: Hub, held: Position) -> tuple[bytes, Position]:
    """What has come since `held`; empty bytes when there is nothing to show. Viewers at one position share it."""
    made = hub.frames.get(held)
    if made is None:
        made = hub.frames[held] = new_delta_frame(hub, held)
    return made


def new_delta_frame(hub: Hub, held: Position) -> tuple[bytes, Position]:
    now = position_of(hub)
    html = "".join(change for part in hub.parts[max(held.part, 0) :] for change in part_changes(hub, part, held))
    if hub.note != held.note:
        html += note_html(hub)
    if not html:
        return b"", now
    moved = (now.part, now.finished) != (held.part, held.finished)
    return frame("delta", html, cursor_of(hub) if moved else ""), now


# --- what brings a viewer up to date ------------------------------------------


def part_changes(hub: Hub, part: ShownPart, held: Position) -> Iterator[str]:
    if part.index > held.part:
        yield filled("new_part", hub.place, html=part_html(part))
    elif part.ended and part.kind == "reasoning":
        yield part_html(part, swap=True)
    elif part.blocks is not None:
        yield from text_changes(part.place, part.blocks, held)


def text_changes(place: str, blocks: Blocks, held: Position) -> Iterator[str]:
    if len(blocks.finished) > held.finished:
        yield filled("blocks", place, html="".join(block.html for block in blocks.finished[held.finished :]))
    if container_of(blocks) != held.container:
        yield filled("open", place, html=container_html(place, blocks))
    elif blocks.open is not None:
        yield from container_changes(place, blocks.open, blocks.tail, held)
    if blocks.tail.below != held.tail.below:
        yield filled("tail", place, html=blocks.tail.below)


def container_changes(place: str, container: OpenBlock, tail: Tail, held: Position) -> Iterator[str]:
    if len(container.units) > held.units:
        yield filled(f"{container.kind}_units", place, html="".join(container.units[held.units :]))
    if tail.inside != held.tail.inside:
        yield filled(f"{container.kind}_inside", place, html=tail.inside)


# --- markup ---------------------------------------------------------------------


def part_html(part: ShownPart, *, swap: bool = False) -> str:
    """A part as it is now; with `swap` in place of the one that stands in the page."""
    if part.blocks is None:
        return render_to_string(f"{TEMPLATE}#tool_call", {"part": part})
    regions = {
        "html": "".join(block.html for block in part.blocks.finished),
        "inside": container_html(part.place, part.blocks),
        "tail": part.blocks.tail.below,
    }
    if part.kind == "text":
        return filled("text", part.place, **regions)
    context = {"part": part, "regions": filled("regions", part.place, **regions), "swap": swap}
    return render_to_string(f"{TEMPLATE}#reasoning", context)


def container_html(place: str, blocks: Blocks) -> str:
    """The open block, finished units and what is inside; nothing when there is none."""
    if (block := blocks.open) is None:
        return ""
    units, inside = "".join(block.units), blocks.tail.inside
    return filled(f"open_{block.kind}", place, head=block.head, html=units, inside=inside, foot=block.foot)


def note_html(hub: Hub) -> str:
    return filled("note", hub.place, html=escape(hub.note))


def filled(partial: str, place: str, **filling: str) -> SafeString:
    """A partial of `stream.html`."""
    return stencil(partial).filled({"place": place, **filling})


@cached
def stencil(partial: str) -> Stencil:
    examples = {name: f"{{{name}}}" for name in FILLED_IN}
    html = render_to_string(f"{TEMPLATE}#{partial}", {name: SafeString(html) for name, html in examples.items()})
    return Stencil(html, examples)


# --- positions --------------------------------------------------------------------


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
