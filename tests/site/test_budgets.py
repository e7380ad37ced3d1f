"""Budgets hold: under parallel posts on every database there is, after a crash, and while an answer is written."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.servers import Site, manage, postgres_database, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, act, ask
from tests.site.pairs import generator

PARALLEL = 50
MODEL = "sim:sim"
USED = {"fresh_input": 5, "output": 6_000}
LIMIT = Decimal("0.5")
# A thousand tokens of output cost a cent, a thousand of input a tenth of one.
PRICE = f"""
from conversations.models import ModelPrice
ModelPrice.objects.create(model="{MODEL}", fresh_input="1", output="10", effective_from="2020-01-01T00:00:00Z")
"""
SET_BUDGET = """
from conversations.models import Budget
Budget.objects.update_or_create(name="Tests", defaults={values})
"""
ACCOUNTS = "SELECT spent_usd, reserved_usd FROM conversations_budgetaccount"
LEDGER = "SELECT coalesce(sum(cost_usd), 0) FROM conversations_usagerecord"


@pytest.fixture(scope="module")
def priced(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of tests, with a price for the simulator's model."""
    folder = tmp_path_factory.mktemp("priced")
    shutil.copy(template / "db.sqlite3", folder)
    manage(folder, "shell", "--no-imports", "-c", PRICE)
    return folder


@pytest.fixture
def site(priced: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[Site]:
    with running_site(priced, tmp_path / "site", **simulated(simulator, f"{MODEL},demo:demo")) as running:
        yield running


def budget(site: Site, limit: str = "0.5", **fields: str) -> None:
    values = {"name": "Tests", "limit_usd": limit, "scope": "site", "period": "month"} | fields
    command = (
        f"from conversations.models import Budget; Budget.objects.update_or_create(name='Tests', defaults={values})"
    )
    manage(site.data_dir, "shell", "--no-imports", "-c", command, **site.settings)


def usd(stored: Any) -> Decimal:
    """As the site reads it: SQLite keeps floating point numbers."""
    return Decimal(str(stored)).quantize(Decimal("1e-10"))


def spent_and_held(site: Site) -> tuple[Decimal, Decimal]:
    ((spent, held),) = site.rows(ACCOUNTS)
    return usd(spent), usd(held)


def spent_in_ledger(site: Site) -> Decimal:
    return usd(site.rows(LEDGER)[0][0])


def post(client: httpx2.Client, text: str = "Hello", **headers: str) -> httpx2.Response:
    form = {"text": text, "model": MODEL, "client_key": str(uuid4())}
    return client.post("/", data=form, headers=headers)


def idle(site: Site) -> bool:
    return site.rows("SELECT count(*) FROM conversations_generation WHERE status = 'active'") == [(0,)]


def statuses_of(sites: list[Site]) -> Counter[int]:
    """What many posts at once get, of three people, through all processes."""
    clients = [site.signed_in(name) for site in sites for name in ("alice", "bob", "carol")]
    with ThreadPoolExecutor(16) as together:
        answers = together.map(lambda number: post(clients[number % len(clients)]), range(PARALLEL))
        statuses = Counter(answer.status_code for answer in answers)
    for client in clients:
        client.close()
    return statuses


def fifty_at_once(sites: list[Site], simulator: SimulatorClient) -> None:
    """While they run nothing is promised twice; when they have ended what was spent is what the ledger says."""
    simulator.script("sim", {"text": "Yes. " * 40, "tokens_per_s": 0, "hold_at": [20]})
    statuses = statuses_of(sites)
    spent, held = spent_and_held(sites[0])

    assert set(statuses) == {302, 429}, statuses
    assert statuses[302] >= 3
    assert (spent, held <= LIMIT) == (0, True)

    wait_for(lambda: simulator.release() == 0 and idle(sites[0]))
    spent, held = spent_and_held(sites[0])
    assert held == 0
    assert 0 < spent <= LIMIT
    assert spent == spent_in_ledger(sites[0])


def test_fifty_questions_at_once_cannot_overspend(site: Site, simulator: SimulatorClient) -> None:
    budget(site)

    fifty_at_once([site], simulator)


@pytest.fixture
def postgres_sites(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[list[Site]]:
    """Two processes on one PostgreSQL database."""
    with postgres_database(os.environ["TEST_POSTGRES_URL"]) as url:
        settings = {**simulated(simulator, MODEL), "DATABASE_URL": url}
        manage(tmp_path, "shell", "--no-imports", "-c", PRICE, DATABASE_URL=url)
        with (
            running_site(template, tmp_path / "one", **settings) as one,
            running_site(template, tmp_path / "two", **settings) as two,
        ):
            yield [one, two]


@pytest.mark.skipif("TEST_POSTGRES_URL" not in os.environ, reason="TEST_POSTGRES_URL is not set: no PostgreSQL to try")
def test_on_postgresql_two_processes_together_cannot_overspend(
    postgres_sites: list[Site], simulator: SimulatorClient
) -> None:
    budget(postgres_sites[0])

    fifty_at_once(postgres_sites, simulator)


def test_a_killed_server_gives_back_what_its_answers_held(site: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "Yes.", "stall_before_first": True})
    budget(site)
    with site.signed_in("alice") as alice:
        exchange = ask(site, alice, model=MODEL)
        assert spent_and_held(site)[1] > 0

        site.kill()
        site.start()
        exchange.ended()

    spent, held = spent_and_held(site)
    assert held == 0
    assert spent == spent_in_ledger(site)


def test_a_generator_keeps_to_a_budget_that_shrank_while_the_question_waited(
    priced: Path, tmp_path: Path, simulator: SimulatorClient
) -> None:
    settings = {**simulated(simulator, MODEL), "CHAT_RUNS_IN": "generators"}
    with running_site(priced, tmp_path / "site", **settings) as site, site.signed_in("alice") as alice:
        budget(site, "5")
        waiting = ask(site, alice, model=MODEL)
        assert spent_and_held(site)[1] > 0
        budget(site, "0")
        with generator(site):
            waiting.ended()
        told = page(alice, waiting)

    assert waiting.error_kind == "budget"
    assert "Tests" in told
    assert (waiting.ledger(), spent_and_held(site)) == ([], (0, 0))
    assert simulator.requests() == []


def test_who_is_refused_reads_why_keeps_the_text_and_is_helped_by_an_admin_at_once(
    site: Site, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": "Yes.", "tokens_per_s": 0})
    budget(site, "0", period="day", scope="each_user")
    with site.signed_in("alice") as alice:
        refused = post(alice, "One <more>")
        swapped = post(alice, "One <more>", **{"HX-Request": "true"})
        free = alice.post("/", data={"text": "Hello", "model": "demo:demo", "client_key": str(uuid4())})
        budget(site, "5", period="day", scope="each_user")
        accepted = post(alice, "One <more>")

    assert refused.status_code == swapped.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert "Your daily budget of $0.00 (“Tests”) is used up. It starts anew at midnight" in refused.text
    assert "Your message was kept here." in refused.text
    assert "One &lt;more&gt;</textarea>" in refused.text
    assert 'id="composer"' in swapped.text
    assert (free.status_code, accepted.status_code) == (302, 302)


def long_answer(site: Site, simulator: SimulatorClient, crossing: str) -> tuple[httpx2.Client, Exchange]:
    """An answer much longer than a budget of five cents allows, of a server that ignores how long it may be."""
    simulator.script("sim", {"text": "Word. " * 4_000, "tokens_per_s": 0, "token_chars": [200, 200], "usage": USED})
    budget(site, "0.05", crossing=crossing)
    client = site.signed_in("alice")
    return client, ask(site, client, model=MODEL).ended()


def page(client: httpx2.Client, exchange: Exchange) -> str:
    return client.get(exchange.url).text


def test_an_answer_that_crosses_a_budget_that_stops_is_stopped_and_says_so(
    site: Site, simulator: SimulatorClient
) -> None:
    client, exchange = long_answer(site, simulator, "stop")

    assert (exchange.status, exchange.error_kind) == ("stopped", "budget")
    assert 8_000 < len(exchange.text) < 12_000
    html = page(client, exchange)
    assert "This answer was stopped: the budget “Tests” allows no longer one." in html
    assert ">Continue</button>" in html
    client.close()


def test_an_answer_that_crosses_a_budget_that_finishes_is_finished_and_the_next_is_refused(
    site: Site, simulator: SimulatorClient
) -> None:
    client, exchange = long_answer(site, simulator, "finish")
    refused = act_refused(client, exchange)

    assert exchange.status == "complete"
    assert len(exchange.text) == 24_000
    assert spent_and_held(site)[0] > Decimal("0.05")
    assert "is used up" in refused
    client.close()


def act_refused(client: httpx2.Client, exchange: Exchange) -> str:
    """The page after a regeneration that a budget refuses."""
    response = client.post(f"/messages/{exchange.message_id}/regenerate")
    assert response.status_code == 302
    return page(client, exchange)


def sent_limit(simulator: SimulatorClient) -> int:
    """The longest answer that the last request asked for."""
    body: dict[str, Any] = simulator.requests(purpose="answer")[-1].body
    return int(body.get("max_completion_tokens") or body["max_tokens"])


def test_an_answer_that_a_budget_made_short_says_so_and_can_be_continued(
    site: Site, simulator: SimulatorClient
) -> None:
    simulator.script("sim", {"text": "Word. " * 100, "tokens_per_s": 0, "finish": "length"})
    budget(site, "0.05")
    with site.signed_in("alice") as alice:
        exchange = ask(site, alice, model=MODEL).ended()
        asked_for = sent_limit(simulator)
        html = page(alice, exchange)
        continued = act(alice, exchange, "continue").ended()

    assert 2_000 < asked_for < 2_500
    assert "The budget “Tests” allows no longer answer." in html
    assert continued.generation_id != exchange.generation_id
