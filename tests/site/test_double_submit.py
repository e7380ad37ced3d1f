"""One press of Send is one question, one answer and one bill, however often its form arrives."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.servers import Site
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, ask, latest_of, stop

TIMES, AT_ONCE = 50, 2


@pytest.fixture
def at_once() -> ThreadPoolExecutor:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield threads  # type: ignore[misc]


def submitted_together(at_once: ThreadPoolExecutor, client: httpx2.Client, url: str, form: dict[str, str]) -> list[str]:
    """Where each of the simultaneous posts leads."""
    start = Barrier(AT_ONCE)

    def submit(_: int) -> str:
        start.wait()
        response = client.post(url, data=form)
        assert response.status_code == 302, response.text
        return response.headers["location"]

    return list(at_once.map(submit, range(AT_ONCE)))


def test_a_new_conversation_is_started_once(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, at_once: ThreadPoolExecutor
) -> None:
    simulator.script("sim", {"text": "Once.", "tokens_per_s": 0})
    for number in range(TIMES):
        form = {"text": f"Question {number}", "model": "sim:sim", "client_key": str(uuid4())}
        first, second = submitted_together(at_once, alice, "/", form)
        assert first == second
        exchange = latest_of(shared_site, UUID(first.split("/")[2])).ended()
        assert_is_the_only_exchange(exchange, questions=1)

    assert len(simulator.requests()) == TIMES


def test_a_question_is_asked_once(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, at_once: ThreadPoolExecutor
) -> None:
    simulator.script("sim", {"text": "Once.", "tokens_per_s": 0})
    exchange = ask(shared_site, alice).ended()
    for number in range(TIMES):
        form = {"text": f"Question {number}", "model": "sim:sim", "client_key": str(uuid4())}
        submitted_together(at_once, alice, f"{exchange.url}messages/", form)
        exchange = exchange.latest().ended()
        assert_is_the_only_exchange(exchange, questions=number + 2)

    assert len(simulator.requests()) == TIMES + 1


def assert_is_the_only_exchange(exchange: Exchange, questions: int) -> None:
    """The conversation has so many questions, and as many answers, runs and ledger rows."""
    count = "SELECT (SELECT count(*) FROM conversations_message WHERE conversation_id = ?1 AND role = ?2)"
    runs = "SELECT count(*) FROM conversations_generation WHERE conversation_id = ?"
    conversation = exchange.conversation_id.hex
    assert exchange.site.rows(count, conversation, "user") == [(questions,)]
    assert exchange.site.rows(count, conversation, "assistant") == [(questions,)]
    assert exchange.site.rows(runs, conversation) == [(questions,)]
    assert len(exchange.ledger()) == questions


def test_a_late_second_copy_leads_to_the_same_conversation(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "Once.", "tokens_per_s": 0})
    exchange = ask(shared_site, alice, "Once", key="one key of alice").ended()
    again = ask(shared_site, alice, "Once", key="one key of alice")

    assert again == exchange
    assert len(simulator.requests()) == 1


def test_two_people_may_have_the_same_key(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, bob: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "Yes.", "tokens_per_s": 0})
    mine = ask(shared_site, alice, key="the same key")
    other = ask(shared_site, bob, key="the same key")

    assert mine.conversation_id != other.conversation_id


@pytest.mark.parametrize("htmx", [False, True])
def test_a_second_question_while_one_is_answered_is_kept_in_the_composer(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, htmx: bool
) -> None:
    simulator.script("sim", {"stall_before_first": True})
    exchange = ask(shared_site, alice)
    form = {"text": "And <another> thing", "model": "sim:sim", "client_key": "second"}
    headers = {"HX-Request": "true"} if htmx else {}
    response = alice.post(f"{exchange.url}messages/", data=form, headers=headers)

    assert response.status_code == 409
    assert "And &lt;another&gt; thing</textarea>" in response.text
    assert "still being answered" in response.text
    assert f"/generations/{exchange.generation_id}/stop" in response.text
    assert exchange.latest() == exchange
    stop(alice, exchange)
    exchange.ended()


def test_two_questions_at_once_are_one_answer_and_one_notice(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, at_once: ThreadPoolExecutor
) -> None:
    """From two tabs, with two keys."""
    simulator.script("sim", {"text": "First.", "tokens_per_s": 0})
    exchange = ask(shared_site, alice).ended()
    simulator.script("sim", {"text": "Second.", "tokens_per_s": 0, "first_token_delay_s": 0.5})
    start = Barrier(AT_ONCE)

    def submit(number: int) -> int:
        start.wait()
        form = {
            "text": f"Tab {number}",
            "model": "sim:sim",
            "client_key": f"tab {number} of {exchange.conversation_id}",
        }
        return alice.post(f"{exchange.url}messages/", data=form).status_code

    assert sorted(at_once.map(submit, range(AT_ONCE))) == [302, 409]
    assert_is_the_only_exchange(exchange.latest().ended(), questions=2)


@pytest.mark.parametrize("verb", ["regenerate", "continue"])
def test_an_answer_is_not_begun_again_while_it_is_written(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client, verb: str
) -> None:
    simulator.script("sim", {"stall_before_first": True})
    exchange = ask(shared_site, alice)
    response = alice.post(f"/messages/{exchange.message_id}/{verb}")

    assert response.status_code == 302
    assert "still being answered" in alice.get(response.headers["location"]).text
    assert exchange.latest() == exchange
    stop(alice, exchange)
    exchange.ended()
