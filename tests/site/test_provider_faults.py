"""Each way a provider fails, through each adapter and the whole site: what is said, kept, billed and offered next."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from conversations.models.notices import FAILED, STOPPED
from conversations.rendering.markdown import render
from tests.servers import Site, running_site, simulated
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, act, ask, shown, stop
from tests.site.viewing import viewing
from tests.stopwatch import Stopwatch
from tests.streaming.page import canonical

ADAPTERS = ("openai", "anthropic", "google", "sim")
HALF = "The first half is here. "
WHOLE = f"{HALF}The second half was still to come."
AT_ONCE = 12
RACES = 6
# What the issue promises.
STOPPED_WITHIN_S = 1.5
# Longer than a busy machine needs for anything that is not meant to be silent.
SILENCE_S = "3"


@dataclass(frozen=True)
class Trouble:
    """What the provider does, and as which of our errors it ends; `kept` is the text that came before."""

    script: dict[str, Any]
    error_kind: str
    kept: str


def before_the_answer(error_kind: str, **script: Any) -> Trouble:
    return Trouble(script, error_kind, "")


def in_mid_answer(error_kind: str, kind: str, **fault: Any) -> Trouble:
    broken = {"kind": kind, "after_chars": len(HALF), **fault}
    return Trouble({"text": WHOLE, "tokens_per_s": 200, "fault": broken}, error_kind, HALF)


TROUBLES = {
    "silent-at-first": before_the_answer("silent_too_long", stall_before_first=True),
    "silent-after-the-head": before_the_answer("silent_too_long", fault={"kind": "stall", "after_bytes": 0}),
    "cut-at-first": before_the_answer("disconnected", fault={"kind": "reset", "after_bytes": 0}),
    "empty": before_the_answer("garbled", fault={"kind": "end", "after_bytes": 0}),
    "web-page": before_the_answer(
        "garbled", headers={"content-type": "text/html"}, body="<!doctype html><title>Portal</title><p>Please sign in."
    ),
    "429": before_the_answer("rate_limited", status=429),
    "500": before_the_answer("overloaded", status=500),
    "503": before_the_answer("overloaded", status=503),
    "529": before_the_answer("overloaded", status=529),
    "silent-midway": in_mid_answer("silent_too_long", "stall"),
    "closed-midway": in_mid_answer("disconnected", "close"),
    "reset-midway": in_mid_answer("disconnected", "reset"),
    "ended-midway": in_mid_answer("garbled", "end"),
    "broken-json": in_mid_answer("garbled", "broken_json"),
    "refused-midway-429": in_mid_answer("rate_limited", "error", status=429),
    "refused-midway-500": in_mid_answer("overloaded", "error", status=500),
    "refused-midway-529": in_mid_answer("overloaded", "error", status=529),
}
CASES = [(adapter, name) for name in TROUBLES for adapter in ADAPTERS]
every_case = pytest.mark.parametrize(("adapter", "trouble"), CASES)
each_adapter = pytest.mark.parametrize("adapter", ADAPTERS)
# Of a provider's refusal, a stack or a key nothing may reach a reader.
NEVER_SHOWN = re.compile(
    r"Traceback|Error\b|[{}]|simulated|rate limit|Sorry about that|billing|Portal|_error|req_sim", re.I
)


def model_of(adapter: str, trouble: str) -> str:
    """A name of its own for each case, so that all can be scripted at the same time."""
    return f"{adapter}:{trouble}-{adapter}"


@dataclass
class Suffered:
    """A question to a model in trouble: how it ended, and what came of the step that was offered next."""

    exchange: Exchange
    final: str
    page: str
    outcomes: list[str]
    text: str
    continued: bool
    next: Exchange


@pytest.fixture(scope="module")
def strict_site(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Site]:
    """A site that waits for no model longer than three seconds."""
    models = [f"{adapter}:sim" for adapter in ADAPTERS] + [model_of(*case) for case in CASES]
    settings = {
        **simulated(simulator_process, ",".join(models)),
        "CHAT_FIRST_EVENT_TIMEOUT": SILENCE_S,
        "CHAT_BETWEEN_EVENTS_TIMEOUT": SILENCE_S,
    }
    with running_site(template, tmp_path_factory.mktemp("strict"), **settings) as running:
        yield running


@pytest.fixture
def alice(strict_site: Site) -> Iterator[httpx2.Client]:
    with strict_site.signed_in("alice") as client:
        yield client


@pytest.fixture(scope="module")
def suffered(strict_site: Site, simulator_process: SimulatorClient) -> dict[tuple[str, str], Suffered]:
    """All cases, several at a time."""
    with ThreadPoolExecutor(AT_ONCE) as together:
        outcomes = together.map(lambda case: suffer(strict_site, simulator_process, *case), CASES)
        return dict(zip(CASES, outcomes, strict=True))


def suffer(site: Site, simulator: SimulatorClient, adapter: str, name: str) -> Suffered:
    trouble, model = TROUBLES[name], model_of(adapter, name)
    simulator.script(model.partition(":")[2], {"text": WHOLE, "tokens_per_s": 0}, queue=(trouble.script,))
    with site.signed_in("alice") as client:
        exchange = ask(site, client, name, model=model)
        final = asyncio.run(final_of(exchange))
        page = client.get(exchange.url).text
        outcomes = [row["outcome"] for row in exchange.ledger()]
        text = exchange.text
        continued = address(exchange, "continue") in page
        following = act(client, exchange, "continue" if continued else "regenerate").ended()
    return Suffered(exchange, final, article(page, exchange), outcomes, text, continued, following)


async def final_of(exchange: Exchange) -> str:
    """What `done` brings to a page that has been watching."""
    async with viewing(exchange.site.port, exchange.message_id) as view:
        return (await view.until("done")).data


def address(exchange: Exchange, verb: str) -> str:
    return f'formaction="/messages/{exchange.message_id}/{verb}"'


def article(page: str, exchange: Exchange) -> str:
    """The message within its page."""
    found = re.search(rf'<article[^>]* id="message-{exchange.message_id}".*?</article>', page, re.DOTALL)
    assert found
    return found[0]


@every_case
def test_the_reader_is_told_what_happened_what_was_kept_and_what_to_do_next(
    suffered: dict[tuple[str, str], Suffered], adapter: str, trouble: str
) -> None:
    case, expected = suffered[adapter, trouble], TROUBLES[trouble]
    sentence = FAILED[expected.error_kind].sentence(has_text=bool(expected.kept))

    for html in (case.final, case.page):
        assert f"<p>{sentence}</p>" in html
        assert address(case.exchange, "regenerate") in html
        assert (address(case.exchange, "continue") in html) == bool(expected.kept)
        assert not NEVER_SHOWN.search(article(html, case.exchange).replace(model_of(adapter, trouble), ""))


@every_case
def test_what_came_before_the_trouble_is_kept_and_the_call_is_billed_once(
    suffered: dict[tuple[str, str], Suffered], adapter: str, trouble: str
) -> None:
    case, expected = suffered[adapter, trouble], TROUBLES[trouble]

    assert case.text == expected.kept
    assert "".join(shown(case.final, "text")) == canonical(render(expected.kept))
    assert case.outcomes == [expected.error_kind]
    assert case.exchange.segments() == 0


@every_case
def test_the_step_that_is_offered_next_leads_to_the_whole_answer(
    suffered: dict[tuple[str, str], Suffered], adapter: str, trouble: str
) -> None:
    case, expected = suffered[adapter, trouble], TROUBLES[trouble]
    billed = [(row["purpose"], row["outcome"]) for row in case.next.ledger()]

    assert case.continued == bool(expected.kept)
    assert (case.next.status, case.next.text) == ("complete", WHOLE)
    assert billed == [("answer", expected.error_kind), ("continue" if expected.kept else "answer", "complete")]


def test_no_trouble_of_a_provider_is_one_of_ours(
    suffered: dict[tuple[str, str], Suffered], strict_site: Site, simulator: SimulatorClient
) -> None:
    log = strict_site.log()

    assert "Traceback" not in log
    assert not [key for key in simulator.environment.values() if key in log and "://" not in key]


@each_adapter
@pytest.mark.parametrize("trouble", ["silent-at-first", "silent-midway"])
def test_a_silent_model_can_be_stopped_at_once(
    strict_site: Site, simulator: SimulatorClient, alice: httpx2.Client, adapter: str, trouble: str
) -> None:
    kept = TROUBLES[trouble].kept
    simulator.script("sim", {"text": WHOLE, "tokens_per_s": 0}, queue=(TROUBLES[trouble].script,))
    exchange = ask(strict_site, alice, model=f"{adapter}:sim")

    async def stopped() -> tuple[str, float]:
        async with viewing(strict_site.port, exchange.message_id) as view:
            while kept.strip() not in (await view.until_any()).data:
                pass
            await asyncio.to_thread(simulator.wait_for)
            watch = Stopwatch()
            await asyncio.to_thread(stop, alice, exchange)
            done = await view.until("done")
            return done.data, watch.took_s()

    final, took_s = asyncio.run(stopped())

    assert took_s < STOPPED_WITHIN_S
    assert simulator.wait_for(lambda seen: seen.client_gone_at is not None)
    assert (exchange.status, exchange.text) == ("stopped", kept)
    assert STOPPED.happened in final
    assert [row["outcome"] for row in exchange.ledger()] == ["stopped"]
    assert act(alice, exchange, "continue" if kept else "regenerate").ended().text == WHOLE


@each_adapter
@pytest.mark.parametrize("end", ["complete", "failed"])
def test_a_stop_that_races_the_end_has_one_outcome_everywhere(
    strict_site: Site, simulator: SimulatorClient, alice: httpx2.Client, adapter: str, end: str
) -> None:
    fault = {"fault": {"kind": "close", "after_chars": len(HALF)}} if end == "failed" else {}
    script = {"text": WHOLE, "tokens_per_s": 0, "hold_at": (len(HALF),), **fault}
    simulator.script("sim", script)
    outcomes = [race(strict_site, simulator, alice, adapter, (number - RACES / 2) / 1000) for number in range(RACES)]

    print(f"{outcomes.count(end)} {end}, {outcomes.count('stopped')} stopped")
    assert set(outcomes) <= {end, "stopped"}


def race(site: Site, simulator: SimulatorClient, client: httpx2.Client, adapter: str, stop_later_s: float) -> str:
    simulator.forget_requests()
    exchange = ask(site, client, model=f"{adapter}:sim")
    simulator.wait_for(lambda seen: seen.state == "holding")

    async def both() -> str:
        async with viewing(site.port, exchange.message_id) as view:
            await view.event()
            await asyncio.gather(
                after(max(0, -stop_later_s), simulator.release), after(max(0, stop_later_s), stop, client, exchange)
            )
            return (await view.until("done")).data

    final = asyncio.run(both())
    status, text = exchange.ended().status, exchange.text
    assert WHOLE.startswith(text)
    assert text == WHOLE or status != "complete"
    assert "".join(shown(final, "text")) == canonical(render(text))
    assert (STOPPED.happened in final) == (status == "stopped")
    assert len(exchange.ledger()) == 1
    return status


async def after(seconds: float, act: Any, *arguments: Any) -> None:
    await asyncio.sleep(seconds)
    await asyncio.to_thread(act, *arguments)
