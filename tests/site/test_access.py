"""What is not yours does not exist for you."""

import asyncio
import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import httpx2
import pytest

from conversations.urls import urlpatterns
from tests.servers import Site, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, ask, stop
from tests.site.viewing import Event, viewing

QUESTION = {"text": "Mine now?", "model": "sim:sim", "client_key": "k"}
# method and address of everything that belongs to one person
PRIVATE = [
    ("GET", "/conversations/{conversation}/"),
    ("POST", "/conversations/{conversation}/messages/"),
    ("GET", "/conversations/{conversation}/title/after/{number}"),
    ("GET", "/conversations/{conversation}/earlier/{message}/"),
    ("GET", "/conversations/{conversation}/cost"),
    ("GET", "/conversations/{conversation}/rename"),
    ("POST", "/conversations/{conversation}/rename"),
    ("GET", "/conversations/{conversation}/delete"),
    ("POST", "/conversations/{conversation}/delete"),
    ("GET", "/messages/{question}/edit"),
    ("POST", "/messages/{question}/edit"),
    ("POST", "/messages/{message}/choose"),
    ("POST", "/messages/{message}/regenerate"),
    ("POST", "/messages/{message}/continue"),
    ("GET", "/messages/{message}/stream"),
    ("POST", "/generations/{generation}/stop"),
    ("GET", "/conversations/{conversation}/outlook"),
    ("GET", "/conversations/{conversation}/export/{format}"),
    *(
        EXPORT := [
            ("GET", "/exports/{export}/"),
            ("GET", "/exports/{export}/stream"),
            ("POST", "/exports/{export}/cancel"),
            ("GET", "/exports/{export}/download"),
        ]
    ),
]


@pytest.fixture
def running(shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client) -> Iterator[Exchange]:
    """An answer to alice that is being written; she has also asked for an export, which waits for a worker."""
    simulator.script("sim", {"text": "Secret words. " * 1000, "tokens_per_s": 20})
    exchange = ask(shared_site, alice, "A secret question")
    wait_for(exchange.segments)
    begun = alice.post("/exports/", data={"format": "markdown"})
    assert begun.status_code == 302
    yield exchange
    alice.post(f"{begun.headers['location']}cancel")
    stop(alice, exchange)


def address(pattern: str, exchange: Exchange) -> str:
    sql = "SELECT parent_id FROM conversations_message WHERE id = ?"
    ((question,),) = exchange.site.rows(sql, exchange.message_id.hex)
    ((export,),) = exchange.site.rows("SELECT id FROM conversations_exportjob ORDER BY created_at DESC LIMIT 1")
    return pattern.format(
        export=UUID(export),
        format="markdown",
        number=2,
        conversation=exchange.conversation_id,
        message=exchange.message_id,
        question=UUID(question),
        generation=exchange.generation_id,
    )


def test_nothing_of_somebody_else_can_be_seen_or_touched(running: Exchange, bob: httpx2.Client) -> None:
    answers = {
        (method, pattern): bob.request(method, address(pattern, running), data=QUESTION if method == "POST" else None)
        for method, pattern in PRIVATE
    }

    assert {address: response.status_code for address, response in answers.items()} == dict.fromkeys(answers, 404)
    assert "ecret" not in "".join(response.text for response in answers.values())
    assert running.status == "active"
    assert running.latest() == running


def test_the_admin_of_the_site_reads_nobodys_conversation_on_the_site(running: Exchange) -> None:
    with running.site.signed_in("carol") as carol:
        reading = [pattern for method, pattern in PRIVATE if method == "GET" and (method, pattern) not in EXPORT]
        answers = [carol.get(address(pattern, running)).status_code for pattern in reading]

    assert set(answers) == {404}


def test_what_is_missing_looks_like_what_is_somebody_elses(running: Exchange, bob: httpx2.Client) -> None:
    missing = Exchange(running.site, uuid4(), uuid4(), uuid4())

    assert bob.get(running.url).text == bob.get(missing.url).text


def test_every_address_of_the_site_is_tried_here() -> None:
    tried = [pattern for _, pattern in PRIVATE]
    with_an_id = [str(pattern.pattern) for pattern in urlpatterns if "<uuid:" in str(pattern.pattern)]

    assert {shape_of(route) for route in with_an_id} == {shape_of(pattern) for pattern in tried}


def shape_of(address: str) -> str:
    return re.sub(r"<[^>]*>|{[^}]*}", "*", address).strip("/")


def test_signed_out_people_are_sent_to_the_sign_in_page(running: Exchange) -> None:
    with httpx2.Client(base_url=running.site.url) as nobody:
        nobody.cookies.set("csrftoken", "c" * 32)
        headers = {"X-CSRFToken": "c" * 32, "Referer": running.site.url}
        answers = {
            (method, pattern): nobody.request(method, address(pattern, running), headers=headers)
            for method, pattern in [("GET", "/"), ("POST", "/"), ("GET", "/conversations/"), *PRIVATE]
            if "stream" not in pattern
        }

    assert {response.status_code for response in answers.values()} == {302}
    assert all(response.headers["location"].startswith("/accounts/login/?next=/") for response in answers.values())
    assert running.status == "active"


def test_the_stream_of_a_signed_out_page_ends_with_one_notice(running: Exchange) -> None:
    async def events() -> tuple[int, list[Event]]:
        async with viewing(running.site.port, running.message_id, name="") as view:
            return view.status, [event async for event in view]

    status, (done,) = asyncio.run(events())

    assert (status, done.name) == (200, "done")
    assert "signed out" in done.data
    assert "ecret" not in done.data


def test_the_stream_of_somebody_else_is_404(running: Exchange) -> None:
    async def status() -> int:
        async with viewing(running.site.port, running.message_id, name="bob") as view:
            return view.status

    assert asyncio.run(status()) == 404


@pytest.mark.parametrize(("method", "pattern"), [entry for entry in PRIVATE if entry[0] == "POST"])
def test_a_post_without_the_csrf_token_is_refused(running: Exchange, method: str, pattern: str) -> None:
    with running.site.signed_in("alice") as client:
        del client.headers["X-CSRFToken"]
        response = client.request(method, address(pattern, running), data=QUESTION)

    assert response.status_code == 403
    assert running.status == "active"


@pytest.mark.parametrize("pattern", [pattern for method, pattern in PRIVATE if method == "POST"])
def test_reading_an_address_changes_nothing(running: Exchange, alice: httpx2.Client, pattern: str) -> None:
    response = alice.get(address(pattern, running))

    assert response.status_code in (200, 405)
    assert running.status == "active"
    assert running.latest() == running


def test_messages_before_one_of_another_conversation_do_not_exist(
    running: Exchange, bob: httpx2.Client, shared_site: Site
) -> None:
    own = ask(shared_site, bob, model="sim:a")

    assert bob.get(f"{own.url}earlier/{running.message_id}/").status_code == 404
    stop(bob, own)


# --- deleting while it is written -------------------------------------------


def test_deleting_a_conversation_ends_its_answer_and_tells_the_page(running: Exchange, alice: httpx2.Client) -> None:
    async def deleted() -> list[Event]:
        async with viewing(running.site.port, running.message_id) as view:
            await view.event()
            await asyncio.to_thread(alice.post, f"{running.url}delete")
            return [event async for event in view]

    *_, done = asyncio.run(deleted())

    assert done.name == "done"
    assert "has been deleted" in done.data
    assert alice.get(running.url).status_code == 404
    assert "Traceback" not in running.site.log()


def test_deleting_a_conversation_closes_the_connection_to_the_model(
    running: Exchange, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    alice.post(f"{running.url}delete")

    assert simulator.wait_for(lambda seen: seen.client_gone_at)


def test_a_call_whose_conversation_is_deleted_meanwhile_is_billed(
    running: Exchange, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    alice.post(f"{running.url}delete")
    simulator.wait_for(lambda seen: seen.client_gone_at)
    (row,) = wait_for(running.ledger)

    assert (row["purpose"], row["confidence"]) == ("answer", "estimated")
    assert row["output"] > 0


def test_a_bill_outlives_its_conversation(shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client) -> None:
    simulator.script("sim", {"text": "Done.", "tokens_per_s": 0})
    exchange = ask(shared_site, alice).ended()
    before = exchange.ledger()
    alice.post(f"{exchange.url}delete")

    assert exchange.ledger() == before
    assert len(before) == 1
