"""The server dies or is restarted while it answers: what had been written is there afterwards, and goes on."""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from conversations.rendering.markdown import render
from tests.seeds import drawn_seed
from tests.servers import WARM, Site, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient, start_simulator
from tests.site.conftest import LETTERS
from tests.site.exchanges import Exchange, act, ask, latest_of, shown
from tests.site.losing import MAY_MISS_S, is_recent_enough, words
from tests.site.viewing import Followed, follow, follow_once, viewing
from tests.stopwatch import Stopwatch
from tests.streaming.page import Page, canonical

KILLS, SITES = 20, 4
# Tokens per second of the answers that are running at each kill.
PACES = (300, 50, 1000, 20)


@dataclass
class Running:
    """An answer that is being written when the server is killed; `cursor` is where a page was that lost its server."""

    exchange: Exchange
    letter: str
    whole: str
    stored: str = ""
    cursor: str = ""


@pytest.mark.slow
@pytest.mark.quiet
def test_kill_minus_9_loses_at_most_half_a_second_and_the_answer_goes_on(template: Path, tmp_path: Path) -> None:
    seed = drawn_seed()
    lives = [Life(template, tmp_path / str(number), random.Random(seed + number)) for number in range(SITES)]
    with ThreadPoolExecutor(SITES) as together:
        for life in [together.submit(life.live, KILLS // SITES) for life in lives]:
            life.result()


@dataclass
class Life:
    """A site on one database that is killed again and again while it writes four answers."""

    template: Path
    folder: Path
    chance: random.Random

    def live(self, kills: int) -> None:
        with start_simulator() as self.simulator:
            settings = simulated(self.simulator, ",".join(f"sim:{letter}" for letter in LETTERS)) | WARM
            with running_site(self.template, self.folder, **settings) as site, site.signed_in("alice") as client:
                for _ in range(kills):
                    self.die_once(site, client)

    def die_once(self, site: Site, client: httpx2.Client) -> None:
        self.simulator.forget_requests()
        watch = Stopwatch()
        answers = [self.begin(site, client, letter, pace) for letter, pace in zip("abcd", PACES, strict=True)]
        answers[0].cursor = asyncio.run(cursor_after(answers[0].exchange, self.chance.uniform(0, 0.8)))
        # What the server was sent while others had the cores it cannot have kept.
        may_miss_s = MAY_MISS_S + watch.waited_s()
        killed_at = time.time()
        site.kill()
        site.start()
        for answer in answers:
            self.check_what_is_left(answer, killed_at, may_miss_s, client)
        self.go_on(client, answers[0], "exact")
        self.go_on(client, answers[1], "repeat")
        self.try_again(client, answers[2])

    def begin(self, site: Site, client: httpx2.Client, letter: str, tokens_per_s: int) -> Running:
        whole = words(self.chance)
        # It never comes to its end, however long the machine takes to kill its server.
        script = {"text": whole, "tokens_per_s": tokens_per_s, "token_chars": (1, 9), "hold_at": (len(whole) - 10,)}
        self.simulator.script(letter, script)
        return Running(ask(site, client, model=f"sim:{letter}"), letter, whole)

    def check_what_is_left(self, answer: Running, killed_at: float, may_miss_s: float, client: httpx2.Client) -> None:
        exchange = answer.exchange
        answer.stored = stored = exchange.text

        assert exchange.status == "interrupted"
        assert answer.whole.startswith(stored)
        for seen in self.simulator.requests(model=answer.letter):
            assert is_recent_enough(stored, seen, killed_at, may_miss_s), (len(stored), seen.log[-20:], killed_at)
        assert [(row["purpose"], row["outcome"], row["confidence"]) for row in exchange.ledger()] == [
            ("answer", "interrupted", "estimated")
        ]
        self.check_page(answer, client)

    def check_page(self, answer: Running, client: httpx2.Client) -> None:
        exchange, html = answer.exchange, client.get(answer.exchange.url).text
        followed = Followed(Page(str(exchange.message_id), answer.cursor))
        asyncio.run(follow_once(exchange.site.port, exchange.message_id, followed))

        assert "restarted" in html
        assert f"/messages/{exchange.message_id}/regenerate" in html
        assert (f"/messages/{exchange.message_id}/continue" in html) == bool(answer.stored)
        assert "".join(shown(html, "text", exchange.message_id)) == canonical(render(answer.stored))
        assert followed.page.events == ["done"]
        assert "".join(shown(followed.final, "text")) == canonical(render(answer.stored))

    def go_on(self, client: httpx2.Client, answer: Running, continuation: str) -> None:
        self.simulator.script(answer.letter, {"text": answer.whole, "tokens_per_s": 0, "continuation": continuation})
        more = act(client, answer.exchange, "continue").ended()

        assert more.status == "complete"
        assert more.message_id == answer.exchange.message_id
        assert more.text == answer.whole
        assert [row["confidence"] for row in more.ledger()] == ["estimated", "reported"]

    def try_again(self, client: httpx2.Client, answer: Running) -> None:
        self.simulator.script(answer.letter, {"text": "Another answer.", "tokens_per_s": 0})
        other = act(client, answer.exchange, "regenerate").ended()

        assert other.message_id != answer.exchange.message_id
        assert other.text == "Another answer."
        assert answer.exchange.text == answer.stored


async def cursor_after(exchange: Exchange, seconds: float) -> str:
    """Watch for so long; the last event id."""
    cursor = ""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), viewing(exchange.site.port, exchange.message_id) as view:
            async for event in view:
                cursor = event.id or cursor
    return cursor


def test_thoughts_are_kept_too(site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"reasoning": "Let me think about this. " * 200, "text": "Never said."})
    with site.signed_in("alice") as client:
        exchange = ask(site, client, model="anthropic:sim")
        wait_for(exchange.segments)
        site.kill()
        site.start()

        assert exchange.status == "interrupted"
        assert exchange.reasoning
        assert ("Let me think about this. " * 200).startswith(exchange.reasoning)
        assert f"/messages/{exchange.message_id}/continue" not in client.get(exchange.url).text


def test_a_page_that_was_open_over_a_restart_ends_with_what_was_kept(site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "One.\n\nTwo.\n\nThree.", "tokens_per_s": 0, "hold_at": (12,)})

    async def cursor(exchange: Exchange) -> str:
        async with viewing(site.port, exchange.message_id) as view:
            async for event in view:
                if "Two" in event.data:
                    return event.id
        raise AssertionError

    with site.signed_in("alice") as client:
        exchange = ask(site, client)
    last_event_id = asyncio.run(cursor(exchange))
    wait_for(exchange.segments)
    site.kill()
    site.start()
    followed = Followed(Page(str(exchange.message_id), last_event_id))
    asyncio.run(follow_once(site.port, exchange.message_id, followed))

    assert last_event_id
    assert followed.page.events == ["done"]
    assert shown(followed.final, "text") == [canonical(render("One.\n\nTwo.\n\n"))]


def test_a_run_of_a_process_that_is_gone_blocks_nobody(site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"stall_before_first": True})
    with site.signed_in("alice") as client:
        exchange = ask(site, client)
        site.kill()
        site.start()
        simulator.script("sim", {"text": "Here I am.", "tokens_per_s": 0})
        answer = ask(site, client, "Still there?", to=exchange).ended()

    assert answer.text == "Here I am."
    assert latest_of(site, exchange.conversation_id) == answer
    assert asyncio.run(follow(site.port, answer.message_id)).page.events[-1] == "done"
