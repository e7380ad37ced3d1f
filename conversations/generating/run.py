"""A run: the one asyncio task that owns an answer, from its first call to the stored message."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from django.db import InterfaceError, OperationalError

from chatsite.lanes import start_task
from conversations.generating.asking import Asking, asking_for
from conversations.generating.draft import Draft
from conversations.generating.queueing import LINE
from conversations.generating.saving import RUNS, ensure_saving
from conversations.generating.titles import name_conversation
from conversations.generating.writing import INTERNAL, Ending, Writing
from conversations.models import Generation
from conversations.streaming.hub import HUBS, Hub
from providers.errors import ProviderError

log = logging.getLogger(__name__)

SAVE_AGAIN_AFTER_S = 1.0

STOPPED = Ending(Generation.Status.STOPPED)
RESTARTED = Ending(Generation.Status.INTERRUPTED, "restart")
LOST = Ending(Generation.Status.INTERRUPTED, "lost")


def start_run(generation: Generation) -> None:
    """Start writing the answer, from a sync view: the run is registered when this returns, and goes on by itself."""
    try:
        run = Run(generation, asking_for(generation))
    except BaseException:
        generation.finish(INTERNAL.status, generation.saved_parts(), [], error_kind=INTERNAL.error_kind)
        raise
    async_to_sync(run.start)()


def stop_run(generation_id: UUID) -> None:
    """Signal a stop to the run if it lives in this process; elsewhere its row tells it (Generation.request_stop)."""
    run = RUNS.get(generation_id)
    if run is not None:
        async_to_sync(run.stop_soon)()


class Run:
    """One run of this process: its writing fills the draft, which the hub shows and `saving` keeps."""

    def __init__(self, generation: Generation, asking: Asking) -> None:
        self.generation = generation
        self.draft = Draft(list(generation.message.parts.all()))
        self.hub = Hub(generation.message_id, generation.pk, self.draft.parts)
        self.writing = Writing(generation, asking, self.draft, self.hub)
        self.task: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[Ending] | None = None
        self._cut_short: Ending | None = None

    # --- from outside -------------------------------------------------------

    async def start(self) -> None:
        RUNS[self.generation.pk] = self
        HUBS[self.generation.pk] = self.hub
        self.task = start_task(self._live())
        ensure_saving()

    def stop(self) -> None:
        """The user ends the run: what is there stays."""
        self._cut(STOPPED)

    async def stop_soon(self) -> None:
        self.stop()

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
        pulse = asyncio.create_task(self.hub.pulse())
        try:
            ending = await self._write()
            await self._store(ending)
        finally:
            pulse.cancel()
            del RUNS[self.generation.pk], HUBS[self.generation.pk]
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
        run, kind = self.generation.pk, type(error).__name__
        if not isinstance(error, ProviderError):
            log.error("run %s failed: %s", run, kind, exc_info=error)
            return INTERNAL
        log.warning("run %s of %s failed: %s, status %s", run, self.generation.model, kind, error.status)
        return Ending(Generation.Status.FAILED, error.kind)

    # --- its end ------------------------------------------------------------

    async def _store(self, ending: Ending) -> None:
        """One transaction; tried again for as long as the database is away, because nothing may be lost.

        Any other error ends this task; the saved segments stay, and the sweep makes a message of them.
        """
        stored: bool | None = None
        while stored is None:
            try:
                stored = await sync_to_async(self._finish)(ending)
            except (OperationalError, InterfaceError) as error:
                log.warning("run %s cannot be stored yet: %s", self.generation.pk, type(error).__name__)
                await asyncio.sleep(SAVE_AGAIN_AFTER_S)
        log.info("run %s of %s ended: %s", self.generation.pk, self.generation.model, ending if stored else LOST)
        if stored and ending.status == Generation.Status.COMPLETE:
            start_task(name_conversation(self.generation))

    def _finish(self, ending: Ending) -> bool:
        return self.generation.finish(
            ending.status,
            self.draft.finished(self.generation.message),
            self.writing.last_record(ending.error_kind or ending.status),
            error_kind=ending.error_kind,
            finish_reason=ending.finish_reason,
            events=self.writing.told(),
        )


async def drain(patience_s: float) -> None:
    """The process ends: let runs finish for `patience_s` seconds, then end the rest as interrupted."""
    await ended(list(RUNS.values()), patience_s)
    unfinished = list(RUNS.values())
    for run in unfinished:
        run.interrupt()
    await ended(unfinished)


async def ended(runs: list[Run], timeout_s: float | None = None) -> None:
    tasks = [run.task for run in runs if run.task]
    if tasks:
        await asyncio.wait(tasks, timeout=timeout_s)
