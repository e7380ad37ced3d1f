"""A real site's log at its most talkative: every line says what it is about, and no line says what anybody wrote."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.servers import SERVERS, Site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, act, ask, stop

WRITTEN = "Xylophonquark"
KEY = "sk-quarkxylophone"
ADAPTERS = ("sim", "openai", "anthropic", "google")
REFUSALS = (400, 401, 429, 500)
MODELS = [f"{adapter}:{name}" for adapter in ADAPTERS for name in ("sim", *map(str, REFUSALS))]
TALKATIVE = {
    "CHAT_LOG_FORMAT": "json",
    "CHAT_LOG_LEVEL": "DEBUG",
    "CHAT_ACCESS_LOG": "true",
    "CHAT_TITLES": "model",
    "CHAT_ATTEMPTS": "2",
    "CHAT_FIRST_RETRY_WAIT": "0.01",
    "OPENAI_API_KEY": KEY,
    "ANTHROPIC_API_KEY": KEY,
    "GEMINI_API_KEY": KEY,
}
# A database that will not have a text, and says which.
REFUSING = """
CREATE TRIGGER no_segment BEFORE INSERT ON conversations_draftsegment WHEN NEW.text LIKE '%{0} refused%'
    BEGIN SELECT RAISE(ABORT, 'Failing row contains {0}'); END;
CREATE TRIGGER no_part BEFORE INSERT ON conversations_part WHEN NEW.text LIKE '%{0} unstorable%'
    BEGIN SELECT RAISE(ABORT, 'Failing row contains {0}'); END;
"""


@pytest.fixture(scope="module", params=SERVERS)
def talkative_site(
    request: pytest.FixtureRequest,
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    simulator_process: SimulatorClient,
) -> Iterator[Site]:
    settings = simulated(simulator_process, ",".join(MODELS)) | TALKATIVE
    folder = tmp_path_factory.mktemp("talkative")
    shutil.copytree(template, folder, dirs_exist_ok=True)
    with closing(sqlite3.connect(folder / "db.sqlite3")) as database:
        database.executescript(REFUSING.format(WRITTEN))
    site = Site(folder, settings, server=request.param, application="tests.site.breaking:application")
    try:
        site.start()
        yield site
    finally:
        site.kill()


@pytest.fixture
def alice(talkative_site: Site) -> Iterator[httpx2.Client]:
    with talkative_site.signed_in("alice") as client:
        yield client


def lines(site: Site) -> list[dict[str, Any]]:
    """All lines that loggers have written. Others are warnings of Python's."""
    return [json.loads(line) for line in site.log().splitlines() if line.startswith("{")]


def about(site: Site, exchange: Exchange) -> list[dict[str, Any]]:
    return [line for line in lines(site) if line.get("generation") == str(exchange.generation_id)]


def test_lines_of_a_run_carry_its_ids_and_those_of_its_request(
    talkative_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "Good.", "tokens_per_s": 0}, queue=({"status": 529},))
    alice.headers["X-Request-ID"] = "from-the-proxy.1"
    exchange = ask(talkative_site, alice).ended()
    wait_for(lambda: len(about(talkative_site, exchange)) == 2, otherwise=talkative_site.log)
    retried, ended = about(talkative_site, exchange)

    assert "sim:sim failed (overloaded, status 529)" in retried["message"]
    assert ended["message"].startswith("run of sim:sim ended: ")
    for line in (retried, ended):
        assert line["request"] == "from-the-proxy.1"
        assert line["user"] == "1"
        assert line["conversation"] == str(exchange.conversation_id)


def test_a_request_gets_an_id_that_is_well_formed(talkative_site: Site, alice: httpx2.Client) -> None:
    def answered_with(**headers: str) -> str:
        return str(alice.get("/conversations/", headers=headers).headers["x-request-id"])

    assert answered_with(**{"X-Request-ID": "a_b-c.9"}) == "a_b-c.9"
    made = {answered_with(), answered_with()}
    for forged in ("a b", 'a"b', "[user=1]", "x" * 65):
        made.add(answered_with(**{"X-Request-ID": forged}))
    assert len(made) == 6
    assert all(len(name) == 16 and name.isalnum() for name in made)


def test_a_line_for_each_request_names_its_route_and_not_its_query(talkative_site: Site, alice: httpx2.Client) -> None:
    nobody = str(UUID(int=0))
    missing = f"/conversations/{nobody}/"
    alice.get("/static/manifest.webmanifest", headers={"X-Request-ID": "static"})
    alice.get(f"{missing}?q={WRITTEN}", headers={"X-Request-ID": "missing"})
    alice.get(f"/messages/{nobody}/stream", headers={"X-Request-ID": "stream"})
    found = {line["request"]: line for line in lines(talkative_site) if line["logger"] == "chatsite.access"}
    warned = [line for line in lines(talkative_site) if line["logger"] == "django.request"]

    line = found["missing"]
    assert (line["method"], line["route"], line["status"]) == (
        "GET",
        "/conversations/<uuid:conversation_id>/",
        404,
    )
    assert (line["user"], line["conversation"]) == ("1", nobody)
    assert line["ms"] > 0
    assert found["static"]["route"] == "-"
    assert (found["stream"]["user"], found["stream"]["message_id"]) == ("1", nobody)
    assert found["stream"]["message"].startswith("GET /messages/<uuid:message_id>/stream 404 in ")
    assert [line["user"] for line in warned if line.get("request") == "missing"] == ["1"]


def test_no_line_has_a_text_or_a_key(talkative_site: Site, simulator: SimulatorClient, alice: httpx2.Client) -> None:
    """Whatever happens: answers, titles, refusals that quote the question, failures of our own."""
    answer = {"text": f"{WRITTEN} is what I say.", "reasoning": f"{WRITTEN}?", "tokens_per_s": 0}
    quoting = json.dumps({"error": {"message": f"{WRITTEN} with {KEY}", "code": WRITTEN, "type": WRITTEN}})
    simulator.script("sim", answer)
    simulator.script("sim", {"text": WRITTEN, "tokens_per_s": 0}, purpose="title")
    for status in REFUSALS:
        simulator.script(str(status), {"status": status, "body": quoting})
    with ThreadPoolExecutor(8) as together:
        list(together.map(lambda model: ask(talkative_site, alice, WRITTEN, model=model).ended(), MODELS))

    simulator.script("sim", answer | {"fault": {"kind": "broken_json", "after_chars": 20}})
    broken = ask(talkative_site, alice, WRITTEN).ended()
    simulator.script("sim", answer)
    act(alice, broken, "continue").ended()

    simulator.script("sim", {"text": f"{WRITTEN} refused " * 500, "tokens_per_s": 200})
    ask(talkative_site, alice, WRITTEN).ended()
    simulator.script("sim", {"text": f"{WRITTEN} unstorable", "tokens_per_s": 0})
    unstorable = ask(talkative_site, alice, WRITTEN)
    simulator.script("400", {"text": WRITTEN, "stall_before_first": True})
    stop(alice, ask(talkative_site, alice, WRITTEN, model="sim:400"))
    httpx2.post(f"{talkative_site.url}/?q={WRITTEN}", data={"text": WRITTEN})
    alice.post("/", data={"text": WRITTEN, "model": WRITTEN})
    assert alice.get(f"/break?{WRITTEN}").status_code == 500
    failed = wait_for(lambda: [line for line in about(talkative_site, unstorable) if "trace" in line])
    # What a server says of an application that fails.
    wait_for(lambda: any("xception" in line["message"] for line in lines(talkative_site)))

    assert failed[0]["message"] == "a task failed"
    assert failed[0]["trace"].endswith("django.db.utils.IntegrityError")
    log = talkative_site.log()
    assert "was refused" in log, "the database was to refuse a checkpoint"
    assert "CSRF" in log
    assert [line for line in log.splitlines() if WRITTEN in line or KEY in line] == []
