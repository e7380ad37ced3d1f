"""The process that writes an answer is lost: others end the answer when its lease is over, once and for all pages.

A lease takes 20 seconds. All that can be lost is lost at the same moment, and all tests wait for it together.
"""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import psutil
import psycopg
import pytest

from conversations.rendering.markdown import render
from tests.processes import Forked
from tests.proxy import Proxy, start_proxy
from tests.servers import Site, postgres_database, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.conftest import LETTERS
from tests.site.exchanges import Exchange, ask, shown
from tests.site.losing import MAY_MISS_S, is_recent_enough, words
from tests.site.pairs import generator, needs_servers, running_together
from tests.site.viewing import Followed, follow_once
from tests.stopwatch import Stopwatch
from tests.streaming.page import Page, canonical

pytestmark = [pytest.mark.slow, needs_servers]
LEASE_S = 20
# What the issue promises to a page elsewhere.
ENDED_WITHIN_S = 25
# The owner goes on telling what it writes; the database is asked this often all the same (follower.ASKS_EVERY_S).
ASKS_EVERY_S = 5
# Tokens per second of the answers of the killed process.
KILLED = {"a": 500, "b": 100, "c": 20}
PAUSED, CUT_OFF, GENERATED, LOCKED, LATER = "defgh"
# All wait here until all have begun.
BEGINNING = 60


@dataclass
class Lost:
    """An answer whose process was lost, and two pages that showed it. `whole` is what the model would have said."""

    exchange: Exchange
    whole: str
    elsewhere: Followed
    at_home: Followed
    ended_after_s: float = 0.0
    # By its page at home, when the pages elsewhere had been told of the end.
    shown_meanwhile: str = ""


@dataclass
class Stage:
    """Processes that are lost, each in its way, and two from where that is seen. All but `locked` share a database."""

    simulator: SimulatorClient
    database_url: str
    way_to_database: Proxy
    generator: Forked
    other: Site
    killed: Site
    paused: Site
    cut_off: Site
    web: Site
    locked: Site
    answers: dict[str, Lost] = field(default_factory=dict)
    killed_at: float = 0.0
    may_miss_s: float = MAY_MISS_S

    def begin(self, site: Site, letter: str, tokens_per_s: int) -> None:
        whole = words(random.Random())
        pace = {"tokens_per_s": tokens_per_s, "token_chars": (1, 9), "hold_at": (BEGINNING,)}
        self.simulator.script(letter, {"text": whole, **pace})
        with site.signed_in("alice") as client:
            # What is stored of it is read past the way that will be cut.
            exchange = ask(self.other if site is self.cut_off else site, client, model=f"sim:{letter}")
        pages = (Followed(Page(str(exchange.message_id))) for _ in range(2))
        self.answers[letter] = Lost(exchange, whole, *pages)

    def begin_all(self) -> None:
        self.begin(self.web, GENERATED, 50)
        for letter, tokens_per_s in KILLED.items():
            self.begin(self.killed, letter, tokens_per_s)
        self.begin(self.paused, PAUSED, 50)
        self.begin(self.cut_off, CUT_OFF, 50)
        self.begin(self.locked, LOCKED, 100)
        wait_for(lambda: all(lost.exchange.segments() for lost in self.answers.values()))

    async def lose_all(self) -> None:
        """Lose all processes at a random moment; give back what can be, when the pages elsewhere know of it."""
        elsewhere = dict.fromkeys((*KILLED, PAUSED, CUT_OFF), self.other) | {GENERATED: self.web}
        async with asyncio.TaskGroup() as pages:
            pages.create_task(self.watch(self.cut_off, CUT_OFF, "at_home"))
            pages.create_task(self.watch(self.locked, LOCKED, "at_home"))
            away = {letter: pages.create_task(self.watch(site, letter)) for letter, site in elsewhere.items()}
            begun = [self.answers[letter].elsewhere.page for letter in away]
            await asyncio.to_thread(wait_for, lambda: all(page.events for page in begun))
            watch = Stopwatch()
            self.simulator.release()
            await asyncio.sleep(random.uniform(0.3, 1.5))
            with closing(sqlite3.connect(self.locked.data_dir / "db.sqlite3", timeout=10)) as database:
                database.execute("BEGIN EXCLUSIVE")
                self.lose(watch)
                watch = Stopwatch()
                self.begin(self.web, LATER, 50)
                away[LATER] = pages.create_task(self.watch(self.web, LATER))
                for letter, page in away.items():
                    page.add_done_callback(partial(self.note_end, letter, watch))
                await asyncio.wait(away.values())
                await asyncio.sleep(max(0.0, watch.began + LEASE_S + 1 - time.monotonic()))
                self.note_texts()
            self.give_back()
            pages.create_task(self.watch(self.paused, PAUSED, "at_home"))

    def lose(self, watch: Stopwatch) -> None:
        # What a server was sent while others had the cores it cannot have kept.
        self.may_miss_s = MAY_MISS_S + watch.waited_s()
        self.killed_at = time.time()
        self.killed.kill()
        self.generator.kill()
        self.generator.wait()
        self.way_to_database.answer_next(b"", times=None)
        self.way_to_database.cut_open()
        freeze_within_a_transaction(self.paused, self.database_url)

    def give_back(self) -> None:
        self.way_to_database.forget_rules()
        os.kill(self.paused.pid, signal.SIGCONT)

    async def watch(self, site: Site, letter: str, page: str = "elsewhere") -> None:
        lost = self.answers[letter]
        followed: Followed = getattr(lost, page)
        while not followed.done:
            followed.connections += 1
            await follow_once(site.port, lost.exchange.message_id, followed)

    def note_end(self, letter: str, watch: Stopwatch, _: object) -> None:
        self.answers[letter].ended_after_s = watch.took_s()

    def note_texts(self) -> None:
        for lost in self.answers.values():
            lost.shown_meanwhile = "".join(lost.at_home.page.root.itertext())


def freeze_within_a_transaction(site: Site, database_url: str) -> None:
    """Let it stand still, as a suspended machine does, where it holds locks."""
    ports = [connection.laddr.port for connection in psutil.Process(site.pid).net_connections()]
    sql = "SELECT 1 FROM pg_stat_activity WHERE client_port = ANY(%s) AND state = 'idle in transaction'"
    with psycopg.connect(database_url, autocommit=True) as looking:
        for _ in range(1000):
            os.kill(site.pid, signal.SIGSTOP)
            time.sleep(0.002)
            if looking.execute(sql, [ports]).fetchone():
                return
            os.kill(site.pid, signal.SIGCONT)
            time.sleep(random.uniform(0, 0.01))
    raise AssertionError("never within a transaction")


@pytest.fixture(scope="module")
def stage(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Stage]:
    """All that was lost is found again."""
    simulator_process.forget_scripts()
    simulator_process.forget_requests()
    folder = tmp_path_factory.mktemp("lost")
    with ExitStack() as until_the_end:
        url = until_the_end.enter_context(postgres_database(os.environ["TEST_POSTGRES_URL"]))
        way = until_the_end.enter_context(start_proxy(urlsplit(url).port or 5432))
        alone = simulated(simulator_process, ",".join(f"sim:{letter}" for letter in LETTERS))
        # They wait for each other at the beginning.
        alone |= {"CHAT_BETWEEN_EVENTS_TIMEOUT": "300"}
        shared = alone | {"DATABASE_URL": url, "REDIS_URL": os.environ["TEST_REDIS_URL"]}
        by_way = shared | {"DATABASE_URL": by_port(url, way.port)}
        web = shared | {"CHAT_RUNS_IN": "generators"}
        shutil.copytree(template, folder / "5")
        sites = until_the_end.enter_context(running_together(folder, shared, shared, shared, by_way, web, alone))
        writer = until_the_end.enter_context(generator(sites[4]))
        stage = Stage(simulator_process, url, way, writer, *sites)
        stage.begin_all()
        asyncio.run(stage.lose_all())
        yield stage


def by_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl()


def assert_ended_once(lost: Lost, page: Followed) -> None:
    """The page, the rows and the bill say the same."""
    exchange, stored = lost.exchange, lost.exchange.text
    assert exchange.status == "interrupted"
    assert len(stored) >= BEGINNING
    assert lost.whole.startswith(stored)
    assert [(row["purpose"], row["outcome"], row["confidence"]) for row in exchange.ledger()] == [
        ("answer", "interrupted", "estimated")
    ]
    assert exchange.segments() == 0
    # A page that comes when the end is known is told of nothing else.
    assert (page.connections, page.page.events.count("reset") <= 1) == (1, True)
    assert "".join(shown(page.final, "text")) == canonical(render(stored))
    assert offered(page.final, exchange.message_id) == ["continue", "regenerate"]


def offered(html: str, message_id: UUID) -> list[str]:
    return [verb for verb in ("continue", "regenerate") if f"/messages/{message_id}/{verb}" in html]


@pytest.mark.parametrize("letter", [*KILLED, PAUSED, GENERATED])
def test_a_page_elsewhere_is_told_within_25_seconds(stage: Stage, letter: str) -> None:
    lost = stage.answers[letter]

    assert lost.ended_after_s < ENDED_WITHIN_S
    assert_ended_once(lost, lost.elsewhere)


@pytest.mark.parametrize("letter", KILLED)
def test_kill_minus_9_loses_at_most_half_a_second(stage: Stage, letter: str) -> None:
    stored = stage.answers[letter].exchange.text
    (seen,) = stage.simulator.requests(model=letter)

    assert is_recent_enough(stored, seen, stage.killed_at, stage.may_miss_s), (len(stored), seen.log[-20:])


def test_a_paused_process_that_wakes_up_writes_nothing(stage: Stage) -> None:
    stage.simulator.wait_for(lambda seen: seen.client_gone_at, model=PAUSED)

    assert_ended_once(stage.answers[PAUSED], stage.answers[PAUSED].at_home)
    assert len(stage.simulator.requests(model=PAUSED)) == 1


def test_a_process_without_its_database_goes_on_in_memory_and_finds_the_answer_ended(stage: Stage) -> None:
    lost = stage.answers[CUT_OFF]
    stage.simulator.wait_for(lambda seen: seen.client_gone_at, model=CUT_OFF)

    assert len(lost.shown_meanwhile) > len(lost.exchange.text) + 500
    assert lost.ended_after_s < ENDED_WITHIN_S + ASKS_EVERY_S
    assert_ended_once(lost, lost.elsewhere)
    assert_ended_once(lost, lost.at_home)


def test_a_process_whose_database_was_locked_for_longer_than_a_lease_finishes_its_answer(stage: Stage) -> None:
    lost = stage.answers[LOCKED]

    assert len(lost.shown_meanwhile) > 2000
    assert lost.at_home.connections == 1
    assert (lost.exchange.status, lost.exchange.text) == ("complete", lost.whole)
    assert [row["confidence"] for row in lost.exchange.ledger()] == ["reported"]
    assert "".join(shown(lost.at_home.final, "text")) == canonical(render(lost.whole))


def test_a_question_that_no_generator_takes_ends_after_a_lease_and_costs_nothing(stage: Stage) -> None:
    lost = stage.answers[LATER]

    assert lost.ended_after_s < ENDED_WITHIN_S
    assert (lost.exchange.status, lost.exchange.text, lost.exchange.ledger()) == ("interrupted", "", [])
    assert stage.simulator.requests(model=LATER) == []
    assert offered(lost.elsewhere.final, lost.exchange.message_id) == ["regenerate"]
