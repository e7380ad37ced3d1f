"""A run: the one asyncio task that owns an answer, from its first call to the stored message."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from uuid import UUID

from asgiref.sync import async_to_sync
from django.db import InterfaceError, OperationalError
from django.utils.safestring import SafeString

from chatsite.lanes import in_database, start_task
from chatsite.logs import request_here, speak_of
from conversations.generating.asking import Asking, asking_for
from conversations.generating.draft import Draft
from conversations.generating.offer import Offers
from conversations.generating.queueing import LINE
from conversations.generating.saving import RUNS, SAVER
from conversations.generating.titles import NAMING, give_up_naming, start_naming
from conversations.generating.writing import INTERNAL, Ending, Writing
from conversations.models import Generation
from conversations.models.generation import BOOT_ID
from conversations.models.message import remember
from conversations.streaming.hub import HUBS, Hub
from conversations.streaming.news import News, ensure_listening, tell
from conversations.streaming.publisher import ensure_publishing
from providers.errors import ProviderError

log = logging.getLogger(__name__)

SAVE_AGAIN_AFTER_S = 1.0
# When the process ends; a supervisor may kill it soon after.
STORED_WITHIN_S = 3.0

STOPPED = Ending(Generation.Status.STOPPED)
RESTARTED = Ending(Generation.Status.INTERRUPTED, "restart")
LOST = Ending(Generation.Status.INTERRUPTED, "lost")


def start_run(generation: Generation, asking: Asking | None = None, offers: Offers | None = None) -> None:
    """Start writing the answer, from a sync view: the run is registered when this returns, and goes on by itself."""
    try:
        run = Run(generation, asking or asking_for(generation, offers))
    except BaseException:
        generation.finish(INTERNAL.status, generation.saved_parts(), [], error_kind=INTERNAL.error_kind)
        raise
    async_to_sync(run.start)()


def stop_run(generation: Generation) -> None:
    """Signal a stop to the run, wherever it lives, for speed: its row has it already (Generation.request_stop)."""
    if generation.is_pending and generation.claim_pending():
        generation.finish(STOPPED.status, generation.saved_parts(), [])
    else:
        async_to_sync(signal_stop)(generation)


async def signal_stop(generation: Generation) -> None:
    if not stop_here(generation.pk):
        start_task(tell(stop_group(generation.owner), {"run": str(generation.pk)}))


def stop_group(boot_id: str) -> str:
    return f"stop.{boot_id}"


def told_to_stop(news: News) -> None:
    stop_here(UUID(news["run"]))


def stop_here(generation_id: UUID) -> bool:
    """Stop the run if it is one of this process; whether it is."""
    run = RUNS.get(generation_id)
    if run:
        run.stop()
    return run is not None


class Run:
    """One run of this process: its writing fills the draft, which the hub shows and `saving` keeps."""

    def __init__(self, generation: Generation, asking: Asking) -> None:
        self.generation = generation
        self.draft = Draft(list(generation.message.parts.all()))
        # All of it is in the draft now: what was fetched with the message need not stay as long as the run.
        remember(generation.message)
        self.hub = Hub(generation.conversation.owner_id, generation.message_id, generation.pk, self.draft.parts)
        self.writing = Writing(generation, asking, self.draft, self.hub)
        self.task: asyncio.Task[None] | None = None
        self._ids = {**request_here(), **generation.log_ids}
        self._reading: asyncio.Task[Ending] | None = None
        self._cut_short: Ending | None = None

    # --- from outside -------------------------------------------------------

    async def start(self) -> None:
        if self.generation.stop_requested_at:
            self.stop()
        RUNS[self.generation.pk] = self
        HUBS.add(self.hub)
        self.task = start_task(self._live())
        SAVER.ensure()
        ensure_publishing()
        ensure_listening(stop_group(BOOT_ID), told_to_stop)

    def stop(self) -> None:
        """The user ends the run: what is there stays."""
        self._cut(STOPPED)

    def interrupt(self) -> None:
        """The process ends: what is there stays, Continue and Retry are offered."""
        self._cut(RESTARTED)

    def lose(self) -> None:
        """The row says that the run is no longer ours, or is gone: end without writing."""
        self._cut(LOST)

    def _cut(self, ending: Ending) -> None:
        if self._cut_short is None:
            self._cut_short = ending
            if self._reading is not None:
                self._reading.cancel()

    # --- its life -----------------------------------------------------------

    async def _live(self) -> None:
        # Not of itself: its task's context would hold it until the garbage collector comes.
        ids = self._ids
        speak_of(lambda: ids)
        pulse = asyncio.create_task(self.hub.pulse())
        try:
            ending = await self._write()
            await self._store(ending)
        finally:
            pulse.cancel()
            del RUNS[self.generation.pk]
            HUBS.remove(self.hub)
            self.hub.end()

    async def _write(self) -> Ending:
        """Read the models to the end. Whatever happens, what has come stays in the draft."""
        self._reading = asyncio.create_task(self._read())
        if self._cut_short:
            self._reading.cancel()
        try:
            await asyncio.wait([self._reading])
        except asyncio.CancelledError:
            self.interrupt()
            await asyncio.wait([self._reading])
        error = None if self._reading.cancelled() else self._reading.exception()
        self.writing.close_call(error)
        if self._reading.cancelled() or self._cut_short:
            return self._cut_short or RESTARTED
        return self._failed(error) if error else self._reading.result()

    async def _read(self) -> Ending:
        async with LINE.turn(self.writing.tell_place):
            return await self.writing.read()

    def _failed(self, error: BaseException) -> Ending:
        if not isinstance(error, ProviderError):
            log.error("run failed", exc_info=error)
            return INTERNAL
        log.warning("run of %s failed: %s, status %s", self.generation.model, error.kind, error.status)
        return Ending(Generation.Status.FAILED, error.kind)

    # --- its end ------------------------------------------------------------

    async def _store(self, ending: Ending) -> None:
        """One transaction; tried again for as long as the database is away, because nothing may be lost.

        Any other error ends this task; the saved segments stay, and the sweep makes a message of them.
        """
        stored, shown = None, self._shown_at_end()
        while stored is None:
            try:
                stored = await in_database(self._finish)(ending, shown)
            except (OperationalError, InterfaceError) as error:
                log.warning("run cannot be stored yet: %s", type(error).__name__)
                await asyncio.sleep(SAVE_AGAIN_AFTER_S)
        log.info("run of %s ended: %s", self.generation.model, ending if stored else LOST)
        if stored and ending.status == Generation.Status.COMPLETE:
            start_naming(self.generation)

    def _shown_at_end(self) -> list[SafeString | None]:
        """The HTML that viewers have of each part, where it is what is to be stored."""
        self.draft.let_go()
        try:
            return self.hub.finish()
        except Exception:
            # An answer that cannot be shown is kept all the same.
            log.exception("the end of a run cannot be shown")
            return [None] * len(self.draft.parts)

    def _finish(self, ending: Ending, shown: list[SafeString | None]) -> bool:
        # New ones with each try: whatever a transaction that failed has noted in them is not true.
        unsaved = self.draft.finished(self.generation.message)
        parts = [part.rendered(html) for part, html in zip(unsaved, shown, strict=True)]
        last = self.writing.last_record(ending.error_kind or ending.status)
        stored = self.generation.finish(
            ending.status,
            parts,
            last,
            error_kind=ending.error_kind,
            finish_reason=ending.finish_reason,
            events=self.writing.told(),
        )
        if stored and self.generation.is_first:
            self.hub.final = self.generation.ended_message(parts, [*self.writing.records, *last])
        return stored


async def drain(patience_s: float, hurry: asyncio.Event) -> None:
    """The process ends: let runs and titles finish for `patience_s` seconds or until `hurry`, then interrupt the rest.

    What cannot be stored then, because the database is away, has its segments: the sweep makes a message of them.
    """
    finishing, hurried = asyncio.create_task(all_written()), asyncio.create_task(hurry.wait())
    await asyncio.wait([finishing, hurried], timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
    finishing.cancel()
    hurried.cancel()
    for run in RUNS.values():
        run.interrupt()
    give_up_naming()
    with suppress(TimeoutError):
        async with asyncio.timeout(STORED_WITHIN_S):
            await all_written()


async def all_written() -> None:
    while tasks := [*(run.task for run in RUNS.values() if run.task), *NAMING]:
        await asyncio.wait(tasks)
