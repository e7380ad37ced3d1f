"""Every provider call leaves exactly one ledger row, however it ends: real servers, stopped and killed midway."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.servers import Site, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, act, ask, stop

ANSWER = {"text": "Because it is.", "tokens_per_s": 0}
STALLED = {"text": "Never", "stall_before_first": True}
OVERLOADED = {"status": 529}


def settings(simulator: SimulatorClient, **others: str) -> dict[str, str]:
    return simulated(simulator, "sim:sim,openai:sim") | {"CHAT_TITLES": "model", "CHAT_DRAIN": "0.3"} | others


@pytest.fixture(scope="module")
def naming_site(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Site]:
    """A site whose models name conversations; for tests that do not end it."""
    with running_site(template, tmp_path_factory.mktemp("naming"), **settings(simulator_process)) as site:
        yield site


@pytest.fixture
def ending_site(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[Site]:
    with running_site(template, tmp_path / "site", **settings(simulator)) as site:
        yield site


@pytest.fixture
def alice(naming_site: Site) -> Iterator[httpx2.Client]:
    with naming_site.signed_in("alice") as client:
        yield client


def rows(exchange: Exchange) -> list[tuple[str, str, str]]:
    return sorted((row["purpose"], row["outcome"], row["confidence"]) for row in exchange.ledger())


def calls(simulator: SimulatorClient, purpose: str) -> int:
    return len(simulator.requests(purpose=purpose))


def asked_for_title(site: Site, simulator: SimulatorClient, script: dict[str, object]) -> Exchange:
    """A finished answer whose conversation a model has been asked to name."""
    simulator.script("sim", ANSWER)
    simulator.script("sim", script, purpose="title")
    with site.signed_in("alice") as client:
        exchange = ask(site, client).ended()
    wait_for(lambda: calls(simulator, "title") == 1)
    return exchange


COMPLETE = ("answer", "complete", "reported")
CUT = {"text": "A title " * 20, "fault": {"kind": "close", "after_chars": 8}}


@pytest.mark.parametrize(
    ("script", "row"),
    [
        ({"text": "A title", "tokens_per_s": 0}, ("title", "complete", "reported")),
        (OVERLOADED, ("title", "overloaded", "reported")),
        (CUT, ("title", "disconnected", "estimated")),
        ({"status": 200, "body": "<html>"}, ("title", "garbled", "estimated")),
    ],
    ids=["complete", "refused", "cut", "garbled"],
)
def test_a_title_is_billed_however_it_ends(
    naming_site: Site, simulator: SimulatorClient, script: dict[str, object], row: tuple[str, str, str]
) -> None:
    exchange = asked_for_title(naming_site, simulator, script)

    wait_for(lambda: len(rows(exchange)) == 2, otherwise=naming_site.log)
    assert rows(exchange) == [COMPLETE, row]


def test_a_title_under_way_is_billed_when_its_server_is_told_to_end(
    ending_site: Site, simulator: SimulatorClient
) -> None:
    exchange = asked_for_title(ending_site, simulator, STALLED)
    ending_site.stop()

    assert rows(exchange) == [COMPLETE, ("title", "interrupted", "estimated")]


def test_a_title_under_way_is_billed_once_when_its_server_is_killed(
    ending_site: Site, simulator: SimulatorClient
) -> None:
    exchange = asked_for_title(ending_site, simulator, STALLED)
    for _ in range(2):
        ending_site.kill()
        ending_site.start()

    assert rows(exchange) == [COMPLETE, ("title", "interrupted", "estimated")]
    assert ending_site.rows("SELECT count(*) FROM conversations_pendingcall") == [(0,)]


def test_a_conversation_deleted_while_it_is_named_is_billed_for_both(
    naming_site: Site, alice: httpx2.Client, simulator: SimulatorClient
) -> None:
    exchange = asked_for_title(naming_site, simulator, {"text": "A title", "first_token_delay_s": 1.0})
    alice.post(f"{exchange.url}delete")

    wait_for(lambda: len(rows(exchange)) == 2)
    assert rows(exchange) == [COMPLETE, ("title", "complete", "reported")]


@pytest.mark.parametrize("model", ["sim:sim", "openai:sim"])
def test_a_stop_before_the_first_token_is_billed_once(
    naming_site: Site, alice: httpx2.Client, simulator: SimulatorClient, model: str
) -> None:
    simulator.script("sim", STALLED)
    exchange = ask(naming_site, alice, model=model)
    wait_for(lambda: calls(simulator, "answer") == 1)
    stop(alice, exchange)
    exchange.ended()

    assert rows(exchange) == [("answer", "stopped", "estimated")]


def test_a_server_killed_in_a_second_attempt_leaves_a_row_for_each(
    template: Path, tmp_path: Path, simulator: SimulatorClient
) -> None:
    simulator.script("sim", STALLED, queue=(OVERLOADED,))
    patient = settings(simulator, CHAT_ATTEMPTS="3", CHAT_FIRST_RETRY_WAIT="0.01")
    with running_site(template, tmp_path / "site", **patient) as site, site.signed_in("alice") as client:
        exchange = ask(site, client)
        wait_for(lambda: calls(simulator, "answer") == 2)
        wait_for(lambda: len(rows(exchange)) == 1)
        site.kill()
        site.start()
        exchange.ended()

        assert rows(exchange) == [("answer", "overloaded", "reported"), ("retry", "interrupted", "estimated")]


def test_stops_at_any_moment_of_an_attempt_leave_as_many_rows_as_calls(
    template: Path, tmp_path: Path, simulator: SimulatorClient
) -> None:
    """The stop falls into an attempt or between two; one that had begun and not been sent yet is billed too."""
    simulator.script("sim", STALLED, queue=(OVERLOADED, OVERLOADED))
    patient = settings(simulator, CHAT_ATTEMPTS="3", CHAT_FIRST_RETRY_WAIT="0.02")
    with running_site(template, tmp_path / "site", **patient) as site, site.signed_in("alice") as client:
        for number in range(6):
            simulator.forget_requests()
            exchange = ask(site, client, f"Question {number}")
            wait_for(lambda number=number: calls(simulator, "answer") > number % 3)
            stop(client, exchange)
            exchange.ended()
            simulator.script("sim", STALLED, queue=(OVERLOADED, OVERLOADED))

            assert len(rows(exchange)) - calls(simulator, "answer") in (0, 1), number


def test_continuing_and_asking_again_are_calls_of_their_own(
    naming_site: Site, alice: httpx2.Client, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": "Half of an answer.", "fault": {"kind": "close", "after_chars": 8}})
    exchange = ask(naming_site, alice).ended()
    simulator.script("sim", ANSWER)
    act(alice, exchange, "continue").ended()
    act(alice, exchange, "regenerate").ended()

    answers = [row for row in rows(exchange) if row[0] != "title"]
    assert answers == [COMPLETE, ("answer", "disconnected", "estimated"), ("continue", "complete", "reported")]
