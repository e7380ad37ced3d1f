"""A pace is kept by the clock."""

import asyncio

import pytest

from providers.pace import Pace


async def test_time_that_the_reader_takes_is_made_up_for() -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    pace = Pace(200)
    due = pace._due
    for beat in range(20):
        await pace.beat()
        if beat % 4 == 0:
            await asyncio.sleep(0.02)

    assert clock() - began >= 0.1
    assert pace._due - due == pytest.approx(0.1)
