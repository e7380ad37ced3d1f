"""Frames of all runs are made at shared moments: who waits for about the same one is woken with the others."""

import asyncio
from contextlib import suppress
from time import monotonic

import pytest

from conversations.streaming.ticks import TICK_S, Ticks, nearest_tick


def in_a_while(ticks: int) -> float:
    """A moment on a tick that is so many ticks away."""
    return nearest_tick(monotonic()) + ticks * TICK_S


async def test_who_waits_for_nearly_the_same_moment_is_woken_by_one_timer() -> None:
    ticks, moment = Ticks(), in_a_while(3)
    waiting = [asyncio.create_task(ticks.until(moment + TICK_S * apart)) for apart in (-0.4, 0.0, 0.4)]
    await asyncio.sleep(0)

    assert len(ticks._awaited) == 1
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0)
    assert all(task.done() for task in waiting)
    assert not ticks._awaited


async def test_a_moment_that_is_over_is_not_waited_for() -> None:
    ticks = Ticks()

    await ticks.until(monotonic() - 2 * TICK_S)

    assert not ticks._awaited


async def test_who_gives_up_keeps_nobody_waiting() -> None:
    ticks, moment = Ticks(), in_a_while(3)
    leaving, staying = (asyncio.create_task(ticks.until(moment)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()

    async with asyncio.timeout(60):
        await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving


def test_an_event_loop_that_was_closed_keeps_none_of_another_waiting() -> None:
    ticks, moment = Ticks(), in_a_while(5)

    async def left() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await ticks.until(moment)

    async def waited() -> None:
        async with asyncio.timeout(60):
            await ticks.until(moment)

    asyncio.run(left())
    asyncio.run(waited())
