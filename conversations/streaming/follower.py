"""A hub for a run of another process: fed by what its owner tells, and by the database, which is the truth."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from uuid import UUID

from django.db import DatabaseError

from chatsite.lanes import in_database, start_task
from chatsite.logs import speak_of
from conversations.models import Generation, Part
from conversations.models.notices import place_in_line
from conversations.streaming.growing import GrowingPart
from conversations.streaming.hub import HUBS, Hub
from conversations.streaming.news import News, listen, stop_listening, tell
from conversations.streaming.publisher import owner_group, run_group

log = logging.getLogger(__name__)

# While nothing is heard of a run, the database is asked.
POLL_S = 0.5
SILENCE_S = 2.0
# The owner tells for a few times as long (publisher.FOLLOWED_FOR_S).
ASKS_EVERY_S = 5.0
# A page that reloads is back within this.
UNWATCHED_S = 5.0

type EndSilent = Callable[[], object]


async def followed(generation: Generation, end_silent: EndSilent) -> Hub:
    """The hub of `generation`, with its conversation, followed from here for as long as somebody here watches it.

    `end_silent` ends runs whose process is gone: a watched one is not left to the worker.
    """
    if hub := HUBS.of_run(generation.pk):
        return hub
    following = Following(generation, end_silent)
    HUBS.add(following.hub)
    try:
        await following.begin()
    except BaseException:
        following.drop()
        raise
    start_task(following.live())
    return following.hub


class Following:
    """One run of another process as it is known here."""

    def __init__(self, generation: Generation, end_silent: EndSilent) -> None:
        self.run: UUID = generation.pk
        self.owner = generation.owner
        self.source: list[GrowingPart] = []
        self.hub = Hub(generation.conversation.owner_id, generation.message_id, generation.pk, self.source)
        self._end_silent = end_silent
        self._heard_at = 0.0
        self._asked_at = 0.0
        self._watched_at = monotonic()
        self._gap = asyncio.Event()

    async def begin(self) -> None:
        """Listen first and read then: so nothing is missed in between."""
        await listen(run_group(self.run), self.hear)
        await self.catch_up()
        await self.ask()

    async def live(self) -> None:
        speak_of(lambda: {"generation": str(self.run)})
        pulse = asyncio.create_task(self.hub.pulse())
        try:
            while not self.hub.ended and self._is_watched():
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await self._gap.wait()
                try:
                    await self.keep_up()
                except DatabaseError as error:
                    log.warning("run cannot be read: %s", type(error).__name__)
        finally:
            pulse.cancel()
            self.drop()
            await stop_listening(run_group(self.run))

    def drop(self) -> None:
        HUBS.remove(self.hub)
        self.hub.close()

    # --- what the owner tells -----------------------------------------------

    def hear(self, news: News) -> None:
        self._heard_at = monotonic()
        if news.get("ended"):
            self._gap.set()
            return
        before = self._shown()
        self.hub.note = news["note"]
        for piece in news["pieces"]:
            if not self.add(**piece):
                self._gap.set()
                break
        self._tell_viewers(before)

    def add(self, part: int, kind: str, data: dict[str, object], start: int, text: str) -> bool:
        """Append what is new of a piece, by offset: twice does no harm. False when something before it is missing."""
        if part > len(self.source) or (part == len(self.source) and start > 0):
            return False
        if part == len(self.source):
            self.source.append(GrowingPart(kind, data))
        known = self.source[part].length
        if start > known:
            return False
        if new := text[known - start :]:
            self.source[part].data = data
            self.source[part].append(new)
        return True

    async def ask(self) -> None:
        """Ask the owner for what comes after the text that is here."""
        self._asked_at = monotonic()
        if self.owner:
            lengths = [part.length for part in self.source]
            await tell(owner_group(self.owner), {"run": str(self.run), "lengths": lengths})

    # --- what the database holds --------------------------------------------

    async def keep_up(self) -> None:
        gap = self._gap.is_set()
        self._gap.clear()
        looks = gap or monotonic() - self._heard_at > SILENCE_S
        if looks:
            await self.catch_up()
        if gap or monotonic() - self._asked_at > ASKS_EVERY_S:
            # Not waited for: text from the database need not wait for a layer that does not answer.
            start_task(self.ask())
            if not looks and await in_database(self.is_over)():
                self.hub.end()

    async def catch_up(self) -> None:
        """Take from the database what it has beyond the text that is here, or that the run has ended."""
        before = self._shown()
        generation, parts = await in_database(self.read_run)()
        if generation is None or not generation.is_active:
            self.hub.end()
            return
        for index, part in enumerate(parts):
            known = self.source[index].length if index < len(self.source) else 0
            self.add(index, part.kind, part.data, known, part.text[known:])
        if generation.owner != self.owner:
            self.owner, self._asked_at = generation.owner, 0.0
        self._tell_viewers(before)

    def _shown(self) -> tuple[int, int, str]:
        return len(self.source), sum(part.length for part in self.source), self.hub.note

    def _tell_viewers(self, before: tuple[int, int, str]) -> None:
        """A frame, if there is more to show: one with nothing in it would make the next one wait for its turn."""
        if self._shown() != before:
            self.hub.touch()

    def is_over(self) -> bool:
        """Whether it has ended, whatever its owner still tells: that may have lost its database."""
        self.end_if_silent()
        return not Generation.objects.active().filter(pk=self.run).exists()

    def end_if_silent(self) -> None:
        if Generation.objects.silent().filter(pk=self.run).exists():
            self._end_silent()

    def read_run(self) -> tuple[Generation | None, list[Part]]:
        self.end_if_silent()
        generation = Generation.objects.select_related("message").filter(pk=self.run).first()
        if generation and generation.is_pending:
            self.hub.note = place_in_line(generation.place)
        return generation, generation.saved_parts() if generation and generation.is_active else []

    def _is_watched(self) -> bool:
        if self.hub.readers:
            self._watched_at = monotonic()
        return monotonic() - self._watched_at < UNWATCHED_S
