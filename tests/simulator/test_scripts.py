"""Scripts do what they say, seen from the other end of the wire."""

import json
import time

import httpx2
import pytest

from tests.simulator import SimulatorClient
from tests.simulator.asking import APIS, HELLO, ask, asking, deltas_of, text_of, until_broken

DIGITS = "0123456789" * 10
FAST = {"text": DIGITS, "tokens_per_s": 0}


def test_an_unscripted_model_answers_pleasantly(simulator: SimulatorClient) -> None:
    simulator.script("*", {"tokens_per_s": 0})

    assert text_of(ask(simulator, model="whatever").content).startswith("# A simulated answer\n")


def test_a_queue_is_played_one_by_one_and_then_the_script(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"text": "at last", "tokens_per_s": 0}, queue=({"status": 529}, {"status": 429}))

    assert [ask(simulator).status_code for _ in range(4)] == [529, 429, 200, 200]


def test_a_misspelt_field_is_refused(simulator: SimulatorClient) -> None:
    with pytest.raises(ValueError, match="tokens_per_second"):
        simulator.script("gpt-x", {"tokens_per_second": 5})


def test_a_fault_between_events_has_no_byte_offset(simulator: SimulatorClient) -> None:
    with pytest.raises(ValueError, match="use after_chars"):
        simulator.script("gpt-x", {"fault": {"kind": "error", "after_bytes": 5}})


def test_forgotten_scripts_are_gone(simulator: SimulatorClient) -> None:
    simulator.script("sim-500", {"text": "fine", "tokens_per_s": 0})
    simulator.forget_scripts()

    assert ask(simulator, model="sim-500").status_code == 500


def test_the_same_seed_cuts_the_same_deltas(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {**FAST, "token_chars": [1, 7], "seed": 1})
    first, again = (deltas_of(ask(simulator).content) for _ in range(2))
    simulator.script("gpt-x", {**FAST, "token_chars": [1, 7], "seed": 2})
    other = deltas_of(ask(simulator).content)

    assert first == again != other
    assert {len(delta["content"]) for delta in first[1:-1]} == set(range(1, 8))


def test_tokens_keep_their_pace(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"text": DIGITS, "tokens_per_s": 250, "first_token_delay_s": 0.1})
    ask(simulator)

    seen = simulator.wait_for(lambda request: request.finished)
    times = [at for at, _ in seen.log]
    assert len(times) > 10
    assert times[-1] - times[0] >= 24 * 0.004 - 0.005
    assert seen.ended_at is not None
    assert seen.ended_at - seen.arrived_at >= 0.1 + 24 * 0.004


def test_wire_cuts_go_through_events_and_letters(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"text": "häß🦋" * 5, "tokens_per_s": 0})
    whole = ask(simulator).content
    simulator.script("gpt-x", {"text": "häß🦋" * 5, "tokens_per_s": 0, "wire_bytes": [1, 3]})
    with asking(simulator) as response:
        pieces = list(response.iter_raw())

    assert b"".join(pieces) == whole
    assert max(len(piece) for piece in pieces) <= 3


@pytest.mark.parametrize("kind", ["close", "reset"])
@pytest.mark.parametrize("api", APIS)
def test_a_cut_by_bytes_cuts_there(simulator: SimulatorClient, api: str, kind: str) -> None:
    simulator.script("gpt-x", {**FAST, "fault": {"kind": kind, "after_bytes": 1001}})

    with asking(simulator, api) as response:
        assert len(until_broken(response)) == 1001
    assert simulator.wait_for().state == "cut"


def test_a_cut_by_characters_cuts_there(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {**FAST, "fault": {"kind": "close", "after_chars": 33}})

    with asking(simulator) as response:
        assert text_of(until_broken(response)) == DIGITS[:33]
    assert simulator.wait_for().sent_text == DIGITS[:33]


def test_a_fault_without_a_place_is_before_the_terminal_event(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {**FAST, "fault": {"kind": "end"}})

    came = ask(simulator).content

    assert text_of(came) == DIGITS
    assert b'"finish_reason":"stop"' not in came
    assert b"[DONE]" not in came


def test_broken_json_stands_between_whole_events(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {**FAST, "fault": {"kind": "broken_json", "after_chars": 10}})

    lines = [line for line in ask(simulator).text.split("\n\n") if line]

    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[4].removeprefix("data: "))
    assert lines[-1] == "data: [DONE]"


def test_a_pause_ends_by_itself(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {**FAST, "fault": {"kind": "stall", "after_chars": 10, "for_s": 0.1}})

    assert text_of(ask(simulator).content) == DIGITS
    (_, before), (after_pause, _) = simulator.wait_for().log[:2]
    assert before == 10
    assert after_pause - simulator.wait_for().log[0][0] >= 0.09


def test_a_silent_model_does_not_even_send_a_head(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"stall_before_first": True})

    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(
            f"{simulator.url}/v1/responses",
            json={"model": "gpt-x", "input": "", "stream": True},
            timeout=httpx2.Timeout(60, read=0.05),
        )
    assert simulator.wait_for(lambda request: request.client_gone_at).sent_bytes == 0


def test_a_held_answer_waits_for_each_release(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {**FAST, "hold_at": [0, 10, 100]})

    def at_its_hold(chars: int) -> bool:
        return bool(simulator.wait_for(lambda request: (request.state, request.sent_chars) == ("holding", chars)))

    with asking(simulator) as response:
        assert at_its_hold(0)
        assert simulator.release(model="gpt-x") == 1
        assert at_its_hold(10)
        assert simulator.release() == 1
        assert at_its_hold(100)
        assert simulator.release(id=1) == 1
        assert text_of(response.read()) == DIGITS


def test_a_release_may_come_before_the_hold(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {**FAST, "first_token_delay_s": 0.1, "hold_at": [50]})

    with asking(simulator) as response:
        simulator.release()
        assert text_of(response.read()) == DIGITS


def test_a_web_page_comes_with_status_200(simulator: SimulatorClient) -> None:
    answer = ask(simulator, model="sim-html")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert answer.text.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("continuation", "rest"),
    [
        ("exact", "is second. Third."),
        ("repeat", "Here is second. Third."),
        ("restart", "Here is second. Third."),
        ("ignore", "First. Here is second. Third."),
    ],
)
def test_a_partial_answer_is_continued_as_scripted(simulator: SimulatorClient, continuation: str, rest: str) -> None:
    text = "First. Here is second. Third."
    script = {"text": text, "continuation": continuation, "repeat_chars": 5, "tokens_per_s": 0}
    simulator.script("gpt-x", script)
    partial = {"role": "assistant", "content": "First. Here "}

    prefilled = ask(simulator, messages=[*HELLO, partial])
    asked_to = ask(simulator, messages=[*HELLO, partial, {"role": "user", "content": "Please continue."}])
    asked_anew = ask(simulator, messages=[*HELLO, partial, {"role": "user", "content": "And in French?"}])

    assert text_of(prefilled.content) == text_of(asked_to.content) == rest
    assert text_of(asked_anew.content) == text


def test_who_brings_tool_results_is_not_sent_back_for_them(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"text": "Sunny.", "tool_calls": [{"name": "get_weather"}], "tokens_per_s": 0})
    with_results = [*HELLO, {"role": "tool", "tool_call_id": "call_1_0", "content": "sun"}]

    assert b"get_weather" in ask(simulator).content
    assert b"get_weather" not in ask(simulator, messages=with_results).content


def test_the_question_comes_back_as_an_echo(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"echo": "question", "tokens_per_s": 0})

    assert text_of(ask(simulator).content) == "Hello"


def test_a_title_is_short_and_uses_up_no_script(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {**FAST}, queue=({"status": 529},))
    for_a_title = [{"role": "system", "content": "Write a title of at most six words."}, *HELLO]

    title = ask(simulator, messages=for_a_title)
    simulator.script("gpt-x", {"text": "Another title"}, purpose="title")
    scripted_title = ask(simulator, messages=for_a_title)

    assert [text_of(answer.content) for answer in (title, scripted_title)] == ["A simulated title", "Another title"]
    assert ask(simulator).status_code == 529
    assert [request.purpose for request in simulator.requests()] == ["title", "title", "answer"]
    assert len(simulator.requests(purpose="title")) == 2


@pytest.mark.parametrize("api", APIS)
def test_what_no_company_would_answer_is_a_400(simulator: SimulatorClient, api: str) -> None:
    answer = ask(simulator, api, input=7, messages=[], contents=[])

    assert answer.status_code == 400
    assert "error" in answer.json()
    assert simulator.wait_for().status == 400


def test_anthropic_refuses_a_prefill_that_ends_with_a_space(simulator: SimulatorClient) -> None:
    answer = ask(simulator, "anthropic", messages=[*HELLO, {"role": "assistant", "content": "I am "}])

    assert answer.status_code == 400
    assert "trailing whitespace" in answer.json()["error"]["message"]


def test_only_streams_are_answered(simulator: SimulatorClient) -> None:
    assert ask(simulator, stream=False).status_code == 400


def test_one_connection_serves_many_requests(simulator: SimulatorClient) -> None:
    simulator.script("*", FAST)
    body = {"model": "gpt-x", "stream": True, "messages": HELLO}

    with httpx2.Client() as client:
        for _ in range(3):
            assert text_of(client.post(f"{simulator.url}/v1/chat/completions", json=body).content) == DIGITS


def test_first_token_waits(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {**FAST, "first_token_delay_s": 0.15, "headers_delay_s": 0.05})
    begun = time.monotonic()

    with asking(simulator) as response:
        head_at = time.monotonic()
        response.read()

    assert head_at - begun >= 0.05
    assert time.monotonic() - head_at >= 0.14
