"""Reading in gulps: when a run rests between two deltas."""

import asyncio
from time import monotonic

import pytest

from conversations.generating.gulps import WAITED_S, Gulps

pytestmark = pytest.mark.quiet
CALM_S = 0.05


async def rested_s(gulps: Gulps, calm_s: float) -> float:
    began = monotonic()
    await gulps.rest(calm_s)
    return monotonic() - began


async def test_after_a_delta_that_had_to_be_waited_for_comes_a_rest() -> None:
    gulps = Gulps()
    await asyncio.sleep(2 * WAITED_S)

    assert await rested_s(gulps, CALM_S) > CALM_S * 0.9


async def test_what_is_there_already_is_let_through() -> None:
    gulps = Gulps()
    await asyncio.sleep(2 * WAITED_S)
    await gulps.rest(CALM_S)

    assert min([await rested_s(gulps, CALM_S) for _ in range(5)]) < CALM_S


async def test_nobody_waits_when_a_frame_is_due() -> None:
    gulps = Gulps()
    took_s = []
    for _ in range(5):
        await asyncio.sleep(2 * WAITED_S)
        took_s.append(await rested_s(gulps, -1))

    assert min(took_s) < CALM_S
