"""Metrics of a real process: what they say is what happened and what the ledger says; without asking there are none."""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.scraped import Scraped
from tests.servers import Site, free_port, manage, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask, stop
from tests.site.viewing import viewing

PLACES = 2


@pytest.fixture(scope="module")
def measured_site(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Site]:
    settings = {
        **simulated(simulator_process, "sim:sim,sim:a,sim:first,sim:second"),
        "CHAT_METRICS": f"127.0.0.1:{free_port()}",
        "CHAT_TITLES": "model",
        "CHAT_ATTEMPTS": "2",
        "CHAT_FIRST_RETRY_WAIT": "0.01",
        "CHAT_FALLBACKS": '{"sim:first": ["sim:second"]}',
        "CHAT_RUNS_PER_PROCESS": str(PLACES),
    }
    with running_site(template, tmp_path_factory.mktemp("measured"), **settings) as site:
        yield site


@pytest.fixture
def alice(measured_site: Site) -> Iterator[httpx2.Client]:
    with measured_site.signed_in("alice") as client:
        yield client


def scraped(site: Site) -> Scraped:
    return Scraped(site.settings["CHAT_METRICS"])


def counted(site: Site, sql: str) -> Counter[tuple[str, ...]]:
    """What the database has, by all columns but the last, which is the figure."""
    return Counter({tuple(by): figure for *by, figure in site.rows(sql) if figure})


CALLS = "SELECT model_asked, purpose, outcome, count(*) FROM conversations_usagerecord GROUP BY 1, 2, 3"
TOKENS = "SELECT model_asked, '{0}', sum({0}) FROM conversations_usagerecord GROUP BY 1"
ANSWERS = "SELECT model, status, count(*) FROM conversations_generation GROUP BY 1, 2"
TIMES = "SELECT model_asked, {1}({0}) FROM conversations_usagerecord WHERE purpose <> 'title' GROUP BY 1"
CLASSES = ("fresh_input", "cache_read", "cache_write", "output", "reasoning")


def test_figures_are_those_of_the_ledger(measured_site: Site, simulator: SimulatorClient, alice: httpx2.Client) -> None:
    usage = {"fresh_input": 50, "cache_read": 30, "cache_write": 5, "output": 40, "reasoning": 10}
    simulator.script("sim", {"text": "Here I am.", "reasoning": "Am I?", "tokens_per_s": 0, "usage": usage})
    ask(measured_site, alice).ended()
    simulator.script("a", {"text": "Never", "stall_before_first": True})
    stopped = ask(measured_site, alice, model="sim:a")
    wait_for(lambda: simulator.requests(model="a"))
    stop(alice, stopped)
    simulator.script("first", {"status": 529})
    simulator.script("second", {"text": "I stand in.", "tokens_per_s": 0})
    ask(measured_site, alice, model="sim:first").ended()
    simulator.script("second", {"status": 401})
    ask(measured_site, alice, model="sim:second").ended()
    stopped.ended()
    wait_for(lambda: counted(measured_site, CALLS)[("sim:sim", "title", "complete")])
    wait_for(
        lambda: (
            scraped(measured_site).by("chat_calls_total", "model", "purpose", "outcome")
            == counted(measured_site, CALLS)
        )
    )
    wait_for(
        lambda: scraped(measured_site).by("chat_answers_total", "model", "status") == counted(measured_site, ANSWERS)
    )

    figures = scraped(measured_site)
    calls = figures.by("chat_calls_total", "model", "purpose", "outcome")
    assert calls["sim:first", "answer", "overloaded"] == 1
    assert calls["sim:first", "retry", "overloaded"] == 1
    assert calls["sim:second", "fallback", "complete"] == 1
    assert calls["sim:second", "answer", "key_rejected"] == 1
    assert calls["sim:a", "answer", "stopped"] == 1
    answers = figures.by("chat_answers_total", "model", "status")
    assert answers["sim:a", "stopped"] == answers["sim:second", "failed"] == 1
    ledger = sum((counted(measured_site, TOKENS.format(name)) for name in CLASSES), Counter())
    assert figures.by("chat_tokens_total", "model", "class") == ledger
    assert ledger["sim:sim", "reasoning"] >= 10
    for metric, column in (("chat_first_token_seconds", "ttft_s"), ("chat_call_seconds", "duration_s")):
        assert figures.by(f"{metric}_count", "model") == counted(measured_site, TIMES.format(column, "count"))
        assert figures.by(f"{metric}_sum", "model") == pytest.approx(
            counted(measured_site, TIMES.format(column, "sum"))
        )
    assert figures.sum("chat_event_loop_lag_seconds_count") > 0
    assert httpx2.get(f"{measured_site.url}/metrics").status_code == 404
    assert figures.sum("process_resident_memory_bytes") > 2**20


def test_what_is_running_is_told_while_it_runs(
    measured_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "A word. " * 2000, "tokens_per_s": 5})
    exchanges = [ask(measured_site, alice, f"Question {number}") for number in range(PLACES + 1)]

    async def watched() -> float:
        async with AsyncExitStack() as views:
            for _ in range(3):
                view = await views.enter_async_context(viewing(measured_site.port, exchanges[0].message_id))
                await view.until_any()
            return await asyncio.to_thread(lambda: scraped(measured_site).sum("chat_viewers"))

    figures = scraped(measured_site)
    viewers = asyncio.run(watched())
    wait_for(lambda: scraped(measured_site).sum("chat_viewers") == 0)
    for exchange in exchanges:
        stop(alice, exchange)
    wait_for(lambda: scraped(measured_site).sum("chat_answers_running") == 0)

    assert viewers == 3
    assert figures.sum("chat_answers_running") == PLACES
    assert figures.sum("chat_answers_waiting") == 1
    assert scraped(measured_site).sum("chat_answers_waiting") == 0
    assert scraped(measured_site).sum("chat_unsaved_text_seconds") == 0


def test_text_that_cannot_be_saved_is_told(
    measured_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "A word. " * 2000, "tokens_per_s": 20})
    exchange = ask(measured_site, alice)
    wait_for(exchange.segments)

    with closing(sqlite3.connect(measured_site.data_dir / "db.sqlite3", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        wait_for(lambda: scraped(measured_site).sum("chat_unsaved_text_seconds") > 2)
        database.execute("ROLLBACK")
    wait_for(lambda: scraped(measured_site).sum("chat_unsaved_text_seconds") < 2)
    stop(alice, exchange)

    assert exchange.ended().status == "stopped"


def test_a_port_that_is_taken_costs_the_figures_and_not_the_process(
    measured_site: Site, template: Path, tmp_path: Path
) -> None:
    port = measured_site.settings["CHAT_METRICS"].rpartition(":")[2]
    with running_site(template, tmp_path / "site", CHAT_METRICS=f"127.0.0.1:{port}") as second:
        assert f"no metrics at 127.0.0.1 port {port}: Address already in use" in second.log()


def test_without_an_address_there_is_neither_port_nor_page_nor_library(
    shared_site: Site, template: Path, tmp_path: Path
) -> None:
    sockets = psutil.Process(shared_site.pid).net_connections()
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    told = manage(tmp_path, "shell", "--no-imports", "-c", "import sys, chatsite.asgi; print(*sys.modules)")

    assert [socket.laddr.port for socket in sockets if socket.status == psutil.CONN_LISTEN] == [shared_site.port]
    assert httpx2.get(f"{shared_site.url}/metrics").status_code == 404
    assert "chatsite.measuring" in told.split()
    assert "prometheus_client" not in told.split()
