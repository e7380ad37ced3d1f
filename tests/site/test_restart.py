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
from tests.servers import Site, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient, start_simulator
from tests.simulator.records import Seen
from tests.site.conftest import LETTERS, without_companies
from tests.site.exchanges import Exchange, act, ask, latest_of, shown
from tests.site.viewing import Followed, follow, follow_once, viewing
from tests.streaming.page import Page, canonical

KILLS, SITES = 20, 2
# Tokens per second of the answers that are running at each kill.
PACES = (300, 50, 1000, 20)
MAY_MISS_CHARS, MAY_MISS_S = 50, 0.5


def words(chance: random.Random, count: int = 1500) -> str:
    """A long text in which no ten characters come twice in a way that could be taken for a repetition."""
    return " ".join(f"{chance.randrange(36**6):x}" + chance.choice(("", "", ".\n\n", ", 🦋")) for _ in range(count))


@dataclass
class Running:
    """An answer that is being written when the server is killed; `cursor` is where a page was that lost its server."""

    exchange: Exchange
    letter: str
    whole: str
    stored: str = ""
    cursor: str = ""


@pytest.mark.slow
def test_kill_minus_9_loses_at_most_half_a_second_and_the_answer_goes_on(template: Path, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
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
            settings = without_companies(self.simulator, ",".join(f"sim:{letter}" for letter in LETTERS))
            with running_site(self.template, self.folder, **settings) as site, site.signed_in("alice") as client:
                for _ in range(kills):
                    self.die_once(site, client)

    def die_once(self, site: Site, client: httpx2.Client) -> None:
        self.simulator.forget_requests()
        answers = [self.begin(site, client, letter, pace) for letter, pace in zip("abcd", PACES, strict=True)]
        answers[0].cursor = asyncio.run(cursor_after(answers[0].exchange, self.chance.uniform(0, 0.8)))
        killed_at = time.time()
        site.kill()
        site.start()
        for answer in answers:
            self.check_what_is_left(answer, killed_at, client)
        self.go_on(client, answers[0], "exact")
        self.go_on(client, answers[1], "repeat")
        self.try_again(client, answers[2])

    def begin(self, site: Site, client: httpx2.Client, letter: str, tokens_per_s: int) -> Running:
        whole = words(self.chance)
        self.simulator.script(letter, {"text": whole, "tokens_per_s": tokens_per_s, "token_chars": (1, 9)})
        return Running(ask(site, client, model=f"sim:{letter}"), letter, whole)

    def check_what_is_left(self, answer: Running, killed_at: float, client: httpx2.Client) -> None:
        exchange = answer.exchange
        answer.stored = stored = exchange.text

        assert exchange.status == "interrupted"
        assert answer.whole.startswith(stored)
        for seen in self.simulator.requests(model=answer.letter):
            assert is_recent_enough(stored, seen, killed_at), (len(stored), seen.log[-20:], killed_at)
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


def is_recent_enough(stored: str, seen: Seen, killed_at: float) -> bool:
    """Whether no more is missing than the last 50 characters or half a second of what had been sent."""
    return sent_by(seen, killed_at) - len(stored) <= MAY_MISS_CHARS or len(stored) >= sent_by(
        seen, killed_at - MAY_MISS_S
    )


def sent_by(seen: Seen, moment: float) -> int:
    return max((chars for at, chars in seen.log if at <= moment), default=0)


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


def test_a_server_that_is_told_to_end_lets_a_short_answer_finish(site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "All of it is said. " * 10, "tokens_per_s": 30})
    with site.signed_in("alice") as client:
        exchange = ask(site, client)
    wait_for(exchange.segments)
    site.stop()

    assert exchange.status == "complete"
    assert exchange.text == "All of it is said. " * 10
    assert [row["confidence"] for row in exchange.ledger()] == ["reported"]


def test_a_server_that_is_told_to_end_keeps_every_character_of_a_long_answer(
    template: Path, tmp_path: Path, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": "Some words. " * 100, "tokens_per_s": 0, "hold_at": (301,)})

    async def watched(exchange: Exchange) -> Followed:
        followed = Followed(Page(str(exchange.message_id)))
        await follow_once(exchange.site.port, exchange.message_id, followed)
        return followed

    async def ended(site: Site, exchange: Exchange) -> Followed:
        watching = asyncio.create_task(watched(exchange))
        await asyncio.to_thread(wait_for, lambda: len(exchange.site.rows("SELECT 1 FROM conversations_draftsegment")))
        await asyncio.to_thread(site.stop)
        return await watching

    settings = simulated(simulator, "sim:sim") | {"CHAT_DRAIN": "0.2"}
    with running_site(template, tmp_path / "site", **settings) as site, site.signed_in("alice") as client:
        exchange = ask(site, client)
        followed = asyncio.run(ended(site, exchange))

        assert exchange.status == "interrupted"
        assert exchange.text == simulator.requests()[-1].sent_text
        assert [row["outcome"] for row in exchange.ledger()] == ["restart"]
        assert len(followed.done) <= 1


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
    assert asyncio.run(follow(site.port, answer.message_id)).page.events == ["done"]
