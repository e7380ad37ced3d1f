"""What every server does alike, with running answers and open streams, in life and at its end."""

import asyncio
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from conversations.rendering.markdown import render
from tests.servers import PATIENCE_S, SERVERS, WARM, Site, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, ask, shown
from tests.site.viewing import Followed, deaf_viewer, follow, follow_once, viewing
from tests.streaming.page import Page, canonical

PIECES = [f"Piece {number}.\n\n" for number in range(6)]
WORDS = "Some words. " * 100
# More than the buffers of a socket whose owner reads nothing.
LONG = f"{'Many words. ' * 20}\n\n" * 800
LONG_ANSWER = {"text": LONG + "The end.", "tokens_per_s": 0, "token_chars": (400, 400), "hold_at": (len(LONG),)}
# Answers stand still here for as long as a busy machine needs to look at them.
PATIENT = {"CHAT_BETWEEN_EVENTS_TIMEOUT": "600"}

type RunningSite = Callable[..., AbstractContextManager[Site]]


@pytest.fixture(params=SERVERS)
def running(
    request: pytest.FixtureRequest, template: Path, tmp_path: Path, simulator: SimulatorClient
) -> Iterator[RunningSite]:
    """Starts a site of one's own on each server in turn; it has a window into its process."""

    @contextmanager
    def run(**settings: str) -> Iterator[Site]:
        settings = simulated(simulator, "sim:sim") | WARM | PATIENT | settings
        with running_site(
            template, tmp_path / "site", server=request.param, application="tests.inside:application", **settings
        ) as site:
            yield site

    return run


@pytest.fixture(scope="module", params=SERVERS)
def lasting_site(
    request: pytest.FixtureRequest,
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    simulator_process: SimulatorClient,
) -> Iterator[Site]:
    """One on each server, for tests that do not end it."""
    settings = simulated(simulator_process, "sim:sim") | WARM | PATIENT
    folder = tmp_path_factory.mktemp(request.param)
    with running_site(
        template, folder, server=request.param, application="tests.inside:application", **settings
    ) as site:
        yield site


def saved(exchange: Exchange) -> int:
    """Characters of a running answer that are in the database."""
    sql = "SELECT sum(length(text)) FROM conversations_draftsegment WHERE generation_id = ?"
    return int(exchange.site.rows(sql, exchange.generation_id.hex)[0][0] or 0)


def readers(site: Site) -> int:
    """Viewers that the hubs of the process know of."""
    return int(httpx2.get(f"{site.url}/inside/readers", timeout=30).text)


# --- in life ------------------------------------------------------------------


def test_each_word_is_there_before_the_next_is_said(lasting_site: Site, simulator: SimulatorClient) -> None:
    holds = tuple(len("".join(PIECES[:number])) for number in range(1, len(PIECES)))
    simulator.script("sim", {"text": "".join(PIECES), "tokens_per_s": 0, "hold_at": holds})

    async def watched(exchange: Exchange) -> str:
        async with viewing(lasting_site.port, exchange.message_id) as view:
            for piece in PIECES[:-1]:
                while piece.strip() not in (await view.until_any()).data:
                    pass
                await asyncio.to_thread(simulator.release)
            return (await view.until("done")).data

    with lasting_site.signed_in("alice") as client:
        final = asyncio.run(watched(ask(lasting_site, client)))

    assert shown(final, "text") == [canonical(render("".join(PIECES)))]


@pytest.mark.parametrize("when", ["early", "late"])
def test_a_response_that_breaks_off_is_cut_off_and_nothing_is_kept_of_what_comes_after_it(
    lasting_site: Site, when: str
) -> None:
    assert is_broken(f"{lasting_site.url}/inside/broken?{when}")
    for _ in range(20):
        httpx2.get(f"{lasting_site.url}/healthz", timeout=PATIENCE_S)

    wait_for(lambda: int(httpx2.get(f"{lasting_site.url}/inside/requests", timeout=PATIENCE_S).text) < 10)
    assert re.search("a response broke off|[Ee]xception", lasting_site.log())


def is_broken(url: str) -> bool:
    """granian can still say so where nothing but the head was to be sent."""
    try:
        return httpx2.get(url, timeout=PATIENCE_S).is_server_error
    except httpx2.TransportError:
        return True


def test_what_answers_and_their_requests_held_is_freed_without_the_garbage_collector(
    lasting_site: Site, simulator: SimulatorClient
) -> None:
    """When it looks through all that hundreds of streams hold, all of them stand still."""
    simulator.script("sim", {"text": WORDS, "tokens_per_s": 500})
    answers = 5
    with lasting_site.signed_in("alice") as client:

        def asked_and_watched() -> None:
            assert asyncio.run(follow(lasting_site.port, ask(lasting_site, client).message_id)).done

        asked_and_watched()
        assert client.get("/inside/collected").status_code == 200
        for _ in range(answers):
            asked_and_watched()
        wait_for(lambda: readers(lasting_site) == 0)
        left = client.get("/inside/garbage").json()

    print(left)
    assert not left.keys() & {"Run", "Writing", "Draft", "Hub", "Blocks", "SessionStore", "FallbackStorage"}
    # Rows that know each other, forms and templates' contexts.
    assert sum(left.values()) < 200 * answers


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_a_viewer_that_goes_is_noticed_and_its_answer_goes_on(
    lasting_site: Site, simulator: SimulatorClient, how: str
) -> None:
    simulator.script("sim", {"text": WORDS, "tokens_per_s": 0, "hold_at": (301,)})

    async def looked_at(exchange: Exchange) -> None:
        async with viewing(lasting_site.port, exchange.message_id) as view:
            await view.until_any()
            await asyncio.to_thread(wait_for, lambda: readers(lasting_site) == 1)
            if how == "reset":
                view.reader._transport.abort()  # type: ignore[attr-defined]

    with lasting_site.signed_in("alice") as client:
        exchange = ask(lasting_site, client)
    asyncio.run(looked_at(exchange))
    simulator.wait_for(lambda seen: seen.state == "holding")
    wait_for(lambda: readers(lasting_site) == 0)
    status = exchange.status
    simulator.release()

    assert status == "active"
    assert exchange.ended().text == WORDS


def test_a_viewer_that_reads_nothing_is_let_go(running: RunningSite, simulator: SimulatorClient) -> None:
    simulator.script("sim", LONG_ANSWER)
    with running(CHAT_STREAM_LIFE="2", CHAT_HEARTBEAT="0.2") as site, site.signed_in("alice") as client:
        exchange = ask(site, client)
        simulator.wait_for(lambda seen: seen.state == "holding")
        with deaf_viewer(site.port, exchange.message_id):
            wait_for(lambda: readers(site) == 1)
            wait_for(lambda: readers(site) == 0)
            simulator.release()

            assert exchange.ended().status == "complete"


# --- at its end ---------------------------------------------------------------


class Watching(Thread):
    """A page over one connection, to the end of it."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self.exchange = exchange
        self.followed = Followed(Page(str(exchange.message_id)))
        self.start()

    def run(self) -> None:
        asyncio.run(follow_once(self.exchange.site.port, self.exchange.message_id, self.followed))

    def ended(self) -> Followed:
        self.join()
        return self.followed


def tell_group(site: Site) -> None:
    """SIGTERM as systemd and terminals send it: to all processes of the server."""
    with suppress(ProcessLookupError):
        os.killpg(site.pid, signal.SIGTERM)


def test_answers_that_are_being_written_are_finished_before_their_pages_eyes(
    running: RunningSite, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": WORDS, "tokens_per_s": 0, "hold_at": (301,)})
    with running(CHAT_DRAIN="600") as site, site.signed_in("alice") as client:
        exchange = ask(site, client)
        simulator.wait_for(lambda seen: seen.state == "holding")
        watching = Watching(exchange)
        wait_for(lambda: readers(site) == 1)
        tell_group(site)
        wait_for(lambda: "told to end" in site.log())
        refused = client.post("/", data={"text": "One <more>", "model": "sim:sim", "client_key": "more"})
        simulator.release()
        site.left()
        followed = watching.ended()

        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert "being restarted" in refused.text
        assert "One &lt;more&gt;</textarea>" in refused.text
        assert (exchange.status, exchange.text) == ("complete", WORDS)
        assert [row["confidence"] for row in exchange.ledger()] == ["reported"]
        assert shown(followed.final, "text") == [canonical(render(WORDS))]
        assert "Traceback" not in site.log()


def test_what_is_not_finished_in_time_is_kept_and_who_reads_nothing_keeps_no_process(
    running: RunningSite, simulator: SimulatorClient
) -> None:
    simulator.script("sim", LONG_ANSWER)
    with running(CHAT_DRAIN="0.2", CHAT_HEARTBEAT="0.2") as site, site.signed_in("alice") as client:
        exchange = ask(site, client)
        wait_for(lambda: saved(exchange) == len(LONG))
        with deaf_viewer(site.port, exchange.message_id):
            watching = Watching(exchange)
            wait_for(lambda: readers(site) == 2)
            site.tell()
            site.left(within_s=0.2 + 5)
        watching.ended()

        assert exchange.status == "interrupted"
        assert exchange.text == LONG
        assert [row["outcome"] for row in exchange.ledger()] == ["restart"]

        site.start()
        followed = asyncio.run(follow(site.port, exchange.message_id))

        assert followed.page.events == ["done"]
        assert "The server was restarted" in followed.final
        assert followed.connections == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_waiting_and_loses_nothing(
    running: RunningSite, simulator: SimulatorClient, number: signal.Signals
) -> None:
    simulator.script("sim", {"text": WORDS, "tokens_per_s": 0, "hold_at": (301,)})
    with running(CHAT_DRAIN="600") as site, site.signed_in("alice") as client:
        exchange = ask(site, client)
        simulator.wait_for(lambda seen: seen.state == "holding")
        watching = Watching(exchange)
        wait_for(lambda: readers(site) == 1)

        def told_again() -> bool:
            with suppress(ProcessLookupError):
                os.killpg(site.pid, number)
            assert site.process
            return site.process.poll() is not None

        wait_for(told_again, 30)
        watching.ended()

        assert exchange.status == "interrupted"
        assert exchange.text == simulator.requests()[-1].sent_text
        assert [row["outcome"] for row in exchange.ledger()] == ["restart"]
