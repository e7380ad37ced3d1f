"""Two processes on PostgreSQL and Redis behind the real nginx, with the configuration in deploy/."""

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from threading import Thread
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest
from playwright.async_api import async_playwright

from conversations.rendering.markdown import render
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.reader import NETWORK_FAILED, Troubles, opened
from tests.nginx import NGINX, Nginx, another_session
from tests.servers import SESSION, Site, free_port, manage, postgres_database, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, ask, shown
from tests.site.pairs import needs_servers, start
from tests.site.viewing import Event
from tests.streaming.page import Page, canonical

pytestmark = [pytest.mark.skipif(NGINX is None, reason="nginx is not installed"), needs_servers, pytest.mark.slow]
FIRST, SECOND, THIRD = "The first paragraph.\n\n", "The second one.\n\n", "And the end.\n\n"
WHOLE = FIRST + SECOND + THIRD
# Held in the middle of the second and the third.
IN_PIECES = {"text": WHOLE, "tokens_per_s": 0, "hold_at": (len(FIRST) + 5, len(FIRST + SECOND) + 5)}
COPY_SESSION = """INSERT INTO django_session (session_key, session_data, expire_date)
    SELECT %s, session_data, expire_date FROM django_session WHERE session_key = %s"""
WAITS_FOR_A_LOCK = """SELECT 1 FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database()"""


@dataclass
class Behind:
    """nginx and its two processes, of Daphne and of uvicorn.

    `sessions`: one of alice's for each process that nginx sends her to.
    """

    nginx: Nginx
    one: Site
    two: Site
    sessions: dict[int, str] = field(default_factory=dict)

    def client(self, site: Site) -> httpx2.Client:
        """Alice in a browser whose requests go to that process while it is ready."""
        return self.nginx.client(self.sessions[site.port])

    def find_sessions(self) -> None:
        """nginx chooses by session: sign alice in until both processes have one of hers."""
        with psycopg.connect(self.one.settings["DATABASE_URL"]) as postgres:
            for number in range(20):
                postgres.execute(COPY_SESSION, (another_session(number), SESSION("alice")))
        for number in range(20):
            with self.nginx.noting("GET /usage/") as went, self.nginx.client(another_session(number)) as client:
                assert client.get("/usage/").status_code == 200
            self.sessions.setdefault(went[0][0], another_session(number))
            if len(self.sessions) == 2:
                return
        raise AssertionError(self.sessions)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("behind")
    with ExitStack() as closing:
        working = closing.enter_context(ThreadPoolExecutor())
        static = folder / "static"
        collected = working.submit(manage, folder, "collectstatic", "--no-input", CHAT_STATIC_DIR=str(static))
        url = closing.enter_context(postgres_database(os.environ["TEST_POSTGRES_URL"]))
        collected.result()
        port = free_port()
        settings = simulated(simulator_process, "sim:sim,sim:a") | {
            "DATABASE_URL": url,
            "REDIS_URL": os.environ["TEST_REDIS_URL"],
            "CHAT_SITE_URL": f"https://localhost:{port}",
            "CHAT_STATIC_DIR": str(static),
            "CHAT_TRUSTED_PROXIES": "1",
            "CHAT_DRAIN": "20",
        }
        sites = [Site(folder / "one", settings), Site(folder / "two", settings, server="uvicorn")]
        for site in sites:
            closing.callback(site.kill)
        list(working.map(start, sites))
        nginx = Nginx(folder, (sites[0].port, sites[1].port), static, port)
        behind = Behind(closing.enter_context(nginx.running()), *sites)
        behind.find_sessions()
        yield behind


@pytest.fixture
def behind(started: Behind) -> Behind:
    """Both processes run, whatever the last test did to them."""
    for site in (started.one, started.two):
        if site.process is None or site.process.poll() is not None:
            site.start()
    return started


@pytest.fixture
def alice(behind: Behind) -> Iterator[httpx2.Client]:
    with behind.client(behind.one) as client:
        yield client


def events(response: httpx2.Response) -> Iterator[Event]:
    """The named events of a stream, each as soon as it is whole."""
    held = b""
    for piece in response.iter_raw():
        *whole, held = (held + piece).split(b"\n\n")
        for event in (Event(block + b"\n\n") for block in whole):
            if event.name:
                yield event


@dataclass
class Watching:
    """What a page in a browser does: watch an answer, come back with the last id, until `done`."""

    client: httpx2.Client
    message_id: UUID
    connections: int = 0
    final: str = ""

    def __post_init__(self) -> None:
        self.page = Page(str(self.message_id))
        self.thread = Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self) -> None:
        while not self.final:
            headers = {"Last-Event-ID": self.page.last_event_id} if self.page.last_event_id else {}
            try:
                with self.client.stream("GET", f"/messages/{self.message_id}/stream", headers=headers) as response:
                    self.connections += response.status_code == 200
                    for event in events(response):
                        self.page.receive(event.raw)
                        self.final = event.data if event.name == "done" else ""
            except httpx2.TransportError:
                continue

    def sees(self, text: str) -> bool:
        return text in canonical_text(self.page)

    def ended(self) -> str:
        """What the page shows in the end."""
        self.thread.join(60)
        assert self.final, self.page.events
        return "".join(shown(self.final, "text"))


def canonical_text(page: Page) -> str:
    return "".join(page.root.itertext())


# --- What is no answer ----------------------------------------------------------


def test_pages_come_by_http_2_under_the_sites_name_only(behind: Behind, alice: httpx2.Client) -> None:
    page = alice.get("/usage/")
    plain = httpx2.get(f"http://127.0.0.1:{behind.nginx.plain_port}/usage/?page=2")
    elsewhere = httpx2.Client(verify=behind.nginx.trusting())
    with elsewhere, pytest.raises(httpx2.ConnectError) as refused:
        elsewhere.get(f"https://127.0.0.1:{behind.nginx.port}/")

    assert (page.status_code, page.http_version) == (200, "HTTP/2")
    assert "strict-transport-security" in page.headers
    assert (plain.status_code, plain.headers["location"]) == (301, f"{behind.nginx.url}/usage/?page=2")
    assert "unrecognized name" in str(refused.value).lower().replace("_", " ")


def test_figures_are_not_for_the_outside(alice: httpx2.Client) -> None:
    answers = {path: alice.get(path) for path in ("/metrics", "/-/ready", "/-/away", "/readyz")}

    assert [answer.status_code for answer in answers.values()] == [404, 404, 404, 200]
    assert answers["/readyz"].json()["status"] == "ready"


def test_files_come_from_nginx_compressed_and_for_good(alice: httpx2.Client) -> None:
    (address,) = re.findall(r'href="(/static/css/base\.[^"]+)"', alice.get("/").text)
    named, plain = alice.get(address), alice.get("/static/css/base.css")

    assert re.fullmatch(r"/static/css/base\.[0-9a-f]{12}\.css", address)
    assert named.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["cache-control"] == "public, max-age=3600"
    assert named.headers["content-encoding"] == "gzip"
    assert named.headers["content-type"].startswith("text/css")
    assert "content-encoding" not in alice.get("/").headers


def test_the_site_itself_refuses_what_is_too_long(alice: httpx2.Client) -> None:
    refused = alice.post("/", data={"text": "x" * 2_500_000})

    assert (refused.status_code, "nginx" in refused.text) == (400, False)


def test_limits_on_guessing_count_by_who_really_asks(behind: Behind) -> None:
    def ask_for_a_password(client: httpx2.Client, number: int) -> int:
        pretended = {"X-Forwarded-For": f"10.0.0.{number}"}
        form = {"email": f"nobody{number}@example.org"}
        return client.post("/accounts/password/reset/", data=form, headers=pretended).status_code

    with behind.nginx.client(address="127.0.0.2") as guesser, behind.nginx.client(address="127.0.0.3") as other:
        guessed = [ask_for_a_password(guesser, number) for number in range(25)]
        asked = ask_for_a_password(other, 100)

    assert guessed[0] == asked == 302
    assert guessed[-1] == 429


# --- Answers --------------------------------------------------------------------


@pytest.mark.parametrize("viewer", ["one", "two"])
def test_an_answer_comes_piece_by_piece_through_either_process(
    behind: Behind, alice: httpx2.Client, simulator: SimulatorClient, viewer: str
) -> None:
    simulator.script("sim", IN_PIECES)
    site: Site = getattr(behind, viewer)
    with behind.nginx.noting("POST /") as asked:
        exchange = ask(behind.one, alice)
    with behind.nginx.noting(f"GET /messages/{exchange.message_id}/stream") as watched, behind.client(site) as client:
        watching = Watching(client, exchange.message_id)
        wait_for(lambda: watching.sees("The s"))
        simulator.release()
        wait_for(lambda: watching.sees("second one."))
        so_far = canonical_text(watching.page)
        simulator.release()
        final = watching.ended()

    assert "And the end" not in so_far
    assert final == canonical(render(WHOLE))
    assert watching.connections == 1
    assert watching.page.events[0] == "reset"
    assert asked == [(behind.one.port,)]
    assert watched == [(site.port,)]


# --- Processes that end -----------------------------------------------------------


def test_questions_go_to_the_other_process_while_one_drains_and_are_sent_once(
    behind: Behind, alice: httpx2.Client, simulator: SimulatorClient
) -> None:
    simulator.script("sim", IN_PIECES)
    old = ask(behind.one, alice)
    watching = Watching(alice, old.message_id)
    wait_for(lambda: watching.sees("The s"))
    os.kill(behind.one.pid, signal.SIGTERM)
    wait_for(lambda: httpx2.get(f"{behind.one.url}/readyz").status_code == 503)
    simulator.script("a", {"text": "Nothing was cut.", "tokens_per_s": 0})

    with behind.nginx.noting("POST /") as asked, behind.client(behind.one) as another_tab:
        new = ask(behind.two, another_tab, model="sim:a").ended()
        ready = another_tab.get("/readyz")
    for _ in range(2):
        wait_for(lambda: any(seen.state == "holding" for seen in simulator.requests(model="sim")))
        simulator.release(model="sim")
    final = watching.ended()
    behind.one.stop()

    assert new.text == "Nothing was cut."
    assert asked == [(behind.two.port,)]
    assert ready.status_code == 200
    assert (old.status, final) == ("complete", canonical(render(WHOLE)))


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")
async def test_a_browser_whose_process_is_killed_goes_on_at_the_other(
    behind: Behind, simulator: SimulatorClient
) -> None:
    simulator.script("sim", IN_PIECES)
    with behind.client(behind.two) as elsewhere:
        exchange = await asyncio.to_thread(ask, behind.two, elsewhere)
    troubles = Troubles(expected=list(NETWORK_FAILED))
    with behind.nginx.noting(f"GET /messages/{exchange.message_id}/stream") as streams:
        await go_on_at_the_other(behind, exchange, simulator, troubles)

    assert exchange.status == "complete"
    assert streams[0] == (behind.one.port,)
    assert streams[-1][-1] == behind.two.port
    assert troubles.unexpected() == []


async def go_on_at_the_other(
    behind: Behind, exchange: Exchange, simulator: SimulatorClient, troubles: Troubles
) -> None:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        async with opened(chromium, troubles, behind.nginx.url, name="", ignore_https_errors=True) as reader:
            cookie = {"name": "sessionid", "value": behind.sessions[behind.one.port], "url": behind.nginx.url}
            await reader.page.context.add_cookies([cookie])
            await reader.goto(exchange.url)
            # What a page does not have from the start has come by its stream.
            await reader.sees("The s")
            await asyncio.to_thread(simulator.release)
            await reader.sees("second one.")
            await asyncio.to_thread(behind.one.kill)
            await asyncio.to_thread(simulator.release)
            await reader.sees("And the end.")
            await reader.until_done()
            await reader.shows(WHOLE)


def test_a_question_whose_process_dies_of_it_is_not_sent_to_another(behind: Behind, alice: httpx2.Client) -> None:
    count = partial(behind.two.rows, "SELECT count(*) FROM conversations_message")
    before = count()
    with (
        behind.nginx.noting("POST /") as asked,
        psycopg.connect(behind.one.settings["DATABASE_URL"]) as postgres,
        ThreadPoolExecutor(1) as posting,
    ):
        postgres.execute("LOCK TABLE conversations_message IN EXCLUSIVE MODE")
        answer = posting.submit(alice.post, "/", data={"text": "Hello", "model": "sim:sim", "client_key": str(uuid4())})
        wait_for(lambda: behind.two.rows(WAITS_FOR_A_LOCK))
        behind.one.kill()
        status = answer.result().status_code

    assert status == 502
    assert asked == [(behind.one.port,)]
    assert count() == before


def test_while_both_restart_people_are_told_so_and_then_all_is_well(behind: Behind, alice: httpx2.Client) -> None:
    behind.one.kill()
    behind.two.kill()
    page, post, probe = alice.get("/usage/"), alice.post("/", data={}), alice.get("/readyz")
    behind.two.start()
    again = alice.get("/usage/")

    assert [answer.status_code for answer in (page, post, probe)] == [502] * 3
    assert "The site is being restarted" in page.text
    assert page.headers["retry-after"] == "5"
    assert again.status_code == 200
