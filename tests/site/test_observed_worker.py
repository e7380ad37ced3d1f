"""A worker that ends a run left behind: its log line says about what, its metrics count it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.scraped import Scraped
from tests.servers import free_port, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, ask
from tests.site.workers import worker


@pytest.fixture(scope="module")
def left_behind(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Exchange]:
    """An answer whose process was killed long ago, and a worker that has just come."""
    settings = {
        **simulated(simulator_process, "sim:sim"),
        "CHAT_LOG_FORMAT": "json",
        "CHAT_WORKER_METRICS": f"127.0.0.1:{free_port()}",
    }
    simulator_process.script("sim", {"stall_before_first": True})
    with running_site(template, tmp_path_factory.mktemp("left"), **settings) as site:
        with site.signed_in("bob") as client:
            exchange = ask(site, client)
        site.kill()
        with closing(sqlite3.connect(site.data_dir / "db.sqlite3")) as database, database:
            database.execute("UPDATE conversations_generation SET heartbeat_at = '2000-01-01 00:00:00'")
        with worker(site, "--schedule"):
            yield exchange.ended(40)


def lines(exchange: Exchange) -> list[dict[str, Any]]:
    """What the worker has said of this run."""
    text = (exchange.site.data_dir / "worker.log").read_text()
    said = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in said if line.get("generation") == str(exchange.generation_id)]


def test_its_line_names_the_task_and_the_run(left_behind: Exchange) -> None:
    (line,) = wait_for(lambda: lines(left_behind))

    assert line["message"] == "run was interrupted: its process is gone"
    assert len(line["task"]) == 36
    assert (line["user"], line["conversation"]) == ("2", str(left_behind.conversation_id))


def test_its_metrics_count_the_task_the_run_and_the_call(left_behind: Exchange) -> None:
    address = left_behind.site.settings["CHAT_WORKER_METRICS"]
    wait_for(lambda: Scraped(address).sum("chat_tasks_total", task="sweep_dead_runs", state="success") >= 1)
    figures = Scraped(address)

    assert figures.by("chat_answers_total", "model", "status") == {("sim:sim", "interrupted"): 1}
    assert figures.by("chat_calls_total", "model", "purpose", "outcome") == {("sim:sim", "answer", "interrupted"): 1}
