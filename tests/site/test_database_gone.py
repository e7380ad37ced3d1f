"""PostgreSQL is away for ten seconds, which is less than a lease: text flows on, and nothing of it is lost.

SQLite that is locked, and databases that are away for longer than a lease: test_owner_gone.py.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from conversations.rendering.markdown import render
from tests.own_servers import OwnServer, needs_postgres, own_postgres
from tests.servers import MIGRATE_AND_MAKE_PEOPLE, Site, manage, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, ask, shown
from tests.site.pairs import Pair, needs_servers, running_together
from tests.site.viewing import Followed, follow_once
from tests.streaming.page import Page, canonical

pytestmark = [pytest.mark.slow, needs_servers, needs_postgres]
AWAY_S = 10
# Said within the ten seconds, and for longer than them.
WORDS = {"a": 60, "b": 300}
TEXTS = {letter: "".join(f"Word {number}, and more.\n\n" for number in range(count)) for letter, count in WORDS.items()}
PACE = {"tokens_per_s": 80, "token_chars": (5, 5), "hold_at": (40,)}


@dataclass
class Watched:
    """An answer, as a page of its own process and a page of the other one show it."""

    exchange: Exchange
    whole: str

    def __post_init__(self) -> None:
        self.pages = [Followed(Page(str(self.exchange.message_id))) for _ in Pair._fields]


def test_text_flows_on_while_postgresql_is_away(tmp_path: Path, simulator: SimulatorClient) -> None:
    settings = simulated(simulator, "sim:a,sim:b") | {"REDIS_URL": os.environ["TEST_REDIS_URL"]}
    # One model waits until all pages are open.
    settings |= {"CHAT_BETWEEN_EVENTS_TIMEOUT": "300"}
    with own_postgres() as server:
        settings |= {"DATABASE_URL": server.url}
        manage(tmp_path, "shell", "--no-imports", "-c", MIGRATE_AND_MAKE_PEOPLE, **settings)
        with running_together(tmp_path / "pair", settings, settings) as (writer, other):
            with writer.signed_in("alice") as client:
                answers = [begun(simulator, writer, client, letter) for letter in TEXTS]
            before, after = asyncio.run(watched_through_an_outage(Pair(writer, other), server, simulator, answers))
            print(f"characters shown before {before} and after the outage {after}")
            for answer in answers:
                assert_complete(answer)
    # That of the short answer is all there.
    assert all(grown - had > 500 for had, grown in zip(before, after, strict=True))


def begun(simulator: SimulatorClient, writer: Site, client: httpx2.Client, letter: str) -> Watched:
    simulator.script(letter, {"text": TEXTS[letter], **PACE})
    return Watched(ask(writer, client, model=f"sim:{letter}"), TEXTS[letter])


def assert_complete(answer: Watched) -> None:
    exchange = answer.exchange
    assert (exchange.status, exchange.text) == ("complete", answer.whole)
    assert [row["confidence"] for row in exchange.ledger()] == ["reported"]
    for page in answer.pages:
        assert page.page.events.count("reset") == 1
        assert shown(page.final, "text") == [canonical(render(answer.whole))]


async def watched_through_an_outage(
    pair: Pair, server: OwnServer, simulator: SimulatorClient, answers: list[Watched]
) -> tuple[list[int], list[int]]:
    """Characters that each page showed when the database was stopped, and before it came back."""

    def counts() -> list[int]:
        return [len("".join(page.page.root.itertext())) for answer in answers for page in answer.pages]

    async with asyncio.TaskGroup() as watching:
        for answer in answers:
            for site, page in zip(pair, answer.pages, strict=True):
                watching.create_task(follow_once(site.port, answer.exchange.message_id, page))
        await asyncio.to_thread(wait_for, lambda: all(counts()))
        with server.stopped():
            before = counts()
            simulator.release()
            await asyncio.sleep(AWAY_S)
            after = counts()
            # Nobody is told of an end before it is stored.
            assert not any(page.done for answer in answers for page in answer.pages)
    return before, after
