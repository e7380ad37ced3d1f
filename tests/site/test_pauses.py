"""A process that stands still for less than a lease interrupts nothing."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conversations.rendering.markdown import render
from tests.servers import WARM, manage, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask, shown
from tests.site.viewing import follow
from tests.streaming.page import canonical

WORDS = "Words that come slowly. " * 40
# A worker that looks for dead runs without a pause: it says when it has begun, and ends when it is told.
SWEEP = """
from pathlib import Path
from conversations.generating.sweep import sweep_silent
Path({begun!r}).touch()
while not Path({enough!r}).exists():
    sweep_silent()
"""


@pytest.mark.slow
def test_a_loop_that_is_blocked_for_five_seconds_interrupts_nothing(
    template: Path, tmp_path: Path, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": WORDS, "tokens_per_s": 50})
    settings = simulated(simulator, "sim:sim") | WARM
    begun, enough = tmp_path / "begun", tmp_path / "enough"
    with (
        running_site(template, tmp_path / "site", application="tests.inside:application", **settings) as site,
        site.signed_in("alice") as client,
        ThreadPoolExecutor(2) as beside,
    ):
        code = SWEEP.format(begun=str(begun), enough=str(enough))
        sweeping = beside.submit(manage, site.data_dir, "shell", "--no-imports", "-c", code, **settings)
        wait_for(begun.exists, 60)
        exchange = ask(site, client)
        watching = beside.submit(lambda: asyncio.run(follow(site.port, exchange.message_id)))
        wait_for(exchange.segments)
        client.get("/inside/block?5")
        enough.touch()
        sweeping.result()

        assert exchange.ended().status == "complete"
        assert exchange.text == WORDS
        assert shown(watching.result().final, "text") == [canonical(render(WORDS))]
