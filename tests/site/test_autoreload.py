"""In development the server starts anew when a file changes: what had been written is kept and can be continued."""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import from_nothing
from tests.servers import Site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import act, ask
from tests.site.viewing import follow

WORDS = "".join(f"Word {number}. " for number in range(100))
HALF = 301


@dataclass
class DevelopmentSite(Site):
    """`manage.py runserver` with settings of one's own, so that there is a file to change."""

    def command(self) -> list[str]:
        return ["manage", "runserver", f"127.0.0.1:{self.port}"]

    @property
    def watched_file(self) -> Path:
        return self.data_dir / "development.py"


@pytest.mark.slow
def test_a_changed_file_interrupts_an_answer_and_keeps_its_text(
    template: Path, tmp_path: Path, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": WORDS, "tokens_per_s": 0, "hold_at": (HALF,)})
    folder = tmp_path / "site"
    shutil.copytree(template, folder)
    settings = {"DJANGO_SETTINGS_MODULE": "development", "PYTHONPATH": str(folder), "DJANGO_DEBUG": "true"}
    site = DevelopmentSite(folder, simulated(simulator, "sim:sim") | settings, begin=from_nothing)
    site.watched_file.write_text("from chatsite.settings import *\n")
    try:
        site.start()
        with site.signed_in("alice") as client:
            exchange = ask(site, client)
            wait_for(lambda: sum(len(text) for (text,) in saved(site)) == HALF)
            os.utime(site.watched_file)
            exchange.ended(60)
            followed = asyncio.run(follow(site.port, exchange.message_id))
            simulator.script("sim", {"text": WORDS, "tokens_per_s": 0})
            more = act(client, exchange, "continue").ended()
    finally:
        site.kill()

    assert (exchange.status, followed.page.events) == ("interrupted", ["done"])
    assert "The server was restarted" in followed.final
    assert more.text == WORDS


def saved(site: Site) -> list[tuple[str]]:
    return site.rows("SELECT text FROM conversations_draftsegment")
