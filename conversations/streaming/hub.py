"""What all viewers of one run share: the answer so far as blocks, rendered once, and a bell that rings per frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from time import monotonic
from typing import Any
from uuid import UUID

from django.utils.crypto import constant_time_compare
from django.utils.safestring import SafeString

from conversations.models import Message
from conversations.rendering.blocks import Blocks
from conversations.streaming.growing import GrowingPart
from conversations.streaming.load import LOAD, SMOOTHEST_S
from conversations.streaming.ticks import TICK_S, TICKS, nearest_tick

# How often a viewer gets a frame follows the length of the tail, which is replaced whole; and how busy the process is.
PACES_S = ((2_000, SMOOTHEST_S), (8_000, 0.2), (32_000, 0.5))
SLOWEST_PACE_S = 1.0
# A stream may take at most one part in this many of a core for rendering, whatever the model writes.
SHARE_OF_CORE = 12

# What a model says is never left unread for longer: it is to be saved, too.
LONGEST_UNREAD_S = 0.2

# Whoever comes later may have signed out since.
EXPECTED_FOR_S = 5.0

SHOWN_AS_TEXT = ("text", "reasoning")


class ShownPart:
    """A part of the answer and what viewers see of it. `blocks` is None for a part that is not text.

    `place` is what the ids of its elements end with.
    """

    def __init__(self, message: str, index: int, growing: GrowingPart) -> None:
        self.index = index
        self.place = f"{message}-{index}"
        self.growing = growing
        self.blocks = Blocks() if growing.kind in SHOWN_AS_TEXT else None
        self.ended = False
        self._fed = 0

    @property
    def kind(self) -> str:
        return self.growing.kind

    def refresh(self, *, ended: bool) -> None:
        self.ended = ended
        if self.blocks is None:
            return
        self.blocks.feed(self.growing.since(self._fed))
        self._fed = self.growing.length
        if ended:
            self.blocks.finish()
        else:
            self.blocks.advance()


class Hub:
    """The shared view of one run. `version` counts frames; whoever has seen an older one has something to fetch."""

    def __init__(self, owner_id: int, message_id: UUID, generation_id: UUID, source: Sequence[GrowingPart]) -> None:
        # Who may watch it.
        self.owner_id = owner_id
        # The session that has just asked, and until when its page may come.
        self._expected = ("", 0.0)
        self.message_id = message_id
        self.generation_id = generation_id
        # What the ids of the message's elements end with.
        self.place = str(message_id)
        self.source = source
        self.parts: list[ShownPart] = []
        self.note = ""
        # The message as it was stored, if that is known here.
        self.final: Message | None = None
        # Frames already made of what is shown now, by the position they lead on from (frames.py).
        self.frames: dict[Any, tuple[bytes, Any]] = {}
        self.version = 0
        self.ended = False
        self.closed = False
        self.readers = 0
        self._waiting: list[asyncio.Future[bool]] = []
        self._touched = asyncio.Event()
        self._next_frame_at = 0.0
        # Whether there is somebody who makes frames, and whether the next one has to wait for its time.
        self._pulses = self._rests = False
        self._want: asyncio.Future[bool] | None = None

    # --- the writer's side ----------------------------------------------------

    def touch(self) -> None:
        """The source has grown. Costs next to nothing: it is called once per delta."""
        self._touched.set()

    async def pulse(self) -> None:
        """Publish what has grown, at a pace that follows the cost of showing it, until cancelled."""
        self._pulses = True
        try:
            while True:
                await self._touched.wait()
                self._touched.clear()
                if self.readers:
                    self.refresh()
                    self._ring()
                # From its tick on: what the frames before this one took at the same tick makes it no later.
                since = monotonic() - self._next_frame_at
                began_at = self._next_frame_at if since < TICK_S else monotonic()
                self._next_frame_at, self._rests = nearest_tick(began_at + self.pace_s()), True
                await TICKS.until(self._next_frame_at)
                self._rests = False
                LOAD.came_late(monotonic() - self._next_frame_at)
                # Whoever has waited for this moment takes its turn first: what it reads is shown at once.
                ring(self._want, True)
                await asyncio.sleep(0)
        finally:
            self._pulses = False
            ring(self._want, True)

    def wanted(self) -> Awaitable[object] | None:
        """When new text can be shown next: it is not missed before. None when a frame is due.

        Whether one is due is not a question of the clock: timers may end a little before their time.
        """
        if not self._pulses or not (self._rests or self._touched.is_set()):
            return None
        if self._next_frame_at - monotonic() > LONGEST_UNREAD_S:
            return TICKS.until(monotonic() + LONGEST_UNREAD_S)
        self._want = asyncio.get_running_loop().create_future()
        return self._want

    def refresh(self, *, ended: bool = False) -> None:
        """Bring the blocks up to the source's end; `ended` says that no more comes."""
        self.frames.clear()
        for index in range(len(self.parts), len(self.source)):
            self.parts.append(ShownPart(self.place, index, self.source[index]))
        last = len(self.parts) - 1
        for part in self.parts:
            if not part.ended:
                part.refresh(ended=ended or part.index < last)

    def pace_s(self) -> float:
        """Seconds between two frames."""
        blocks = self.parts[-1].blocks if self.parts else None
        if blocks is None:
            return LOAD.pace_s()
        size = len(blocks.tail.inside) + len(blocks.tail.below)
        pace = next((pace for limit, pace in PACES_S if size <= limit), SLOWEST_PACE_S)
        return max(pace, LOAD.pace_s(), SHARE_OF_CORE * blocks.last_cost_s)

    def finish(self) -> list[SafeString | None]:
        """No more comes. The HTML of each part of the source, where viewers have it that is as it is to be stored."""
        if not self.readers:
            return [None] * len(self.source)
        self.refresh(ended=True)
        return [part.blocks.final_html() if part.blocks else None for part in self.parts]

    def end(self) -> None:
        """The run has ended and is stored: viewers fetch the final message."""
        self.ended = True
        self._ring()

    def close(self) -> None:
        """No more comes from this hub, although the run goes on: viewers come back for another one."""
        self.closed = True
        self._ring()

    # --- the viewers' side ----------------------------------------------------

    def expect(self, session_key: str | None) -> None:
        """The page that has just asked follows within milliseconds."""
        self._expected = (session_key or "", monotonic() + EXPECTED_FOR_S)

    def lets_in(self, session_key: str | None) -> bool:
        """Whether it is that page: once, and without asking the database again who that is."""
        expected, until = self._expected
        if not session_key or not constant_time_compare(session_key, expected) or monotonic() > until:
            return False
        self._expected = ("", 0.0)
        return True

    def join(self) -> None:
        self.readers += 1
        if self.readers == 1 or not self.version:
            self.refresh()
            self.version += 1

    def leave(self) -> None:
        self.readers -= 1

    async def changed(self, seen: int, timeout_s: float) -> bool:
        """Wait until there is a newer version than `seen`, or the end. False after `timeout_s` of nothing."""
        if self.ended or self.closed or self.version != seen:
            return True
        loop = asyncio.get_running_loop()
        bell: asyncio.Future[bool] = loop.create_future()
        timer = loop.call_later(timeout_s, ring, bell, False)
        self._waiting.append(bell)
        try:
            return await bell
        finally:
            timer.cancel()
            if bell in self._waiting:
                self._waiting.remove(bell)

    def _ring(self) -> None:
        self.version += 1
        waiting, self._waiting = self._waiting, []
        for bell in waiting:
            ring(bell, True)


def ring(bell: asyncio.Future[bool] | None, news: bool) -> None:
    if bell is not None and not bell.done():
        bell.set_result(news)


class Hubs:
    """The hubs of the runs of this process, and of those of other processes that somebody here is watching."""

    def __init__(self) -> None:
        self._by_run: dict[UUID, Hub] = {}
        self._by_message: dict[UUID, Hub] = {}

    def __iter__(self) -> Iterator[Hub]:
        return iter(list(self._by_run.values()))

    def add(self, hub: Hub) -> None:
        self._by_run[hub.generation_id] = self._by_message[hub.message_id] = hub

    def remove(self, hub: Hub) -> None:
        """No more of it. The message may have another one by now: that of its continuation."""
        for hubs, key in ((self._by_run, hub.generation_id), (self._by_message, hub.message_id)):
            if hubs.get(key) is hub:
                del hubs[key]

    def of_run(self, generation_id: UUID) -> Hub | None:
        return self._by_run.get(generation_id)

    def of_message(self, message_id: UUID) -> Hub | None:
        """That of the run which writes the message now."""
        return self._by_message.get(message_id)


HUBS = Hubs()
