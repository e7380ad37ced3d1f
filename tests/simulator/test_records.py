"""What the simulator remembers of a request is what happened."""

import socket
import struct
import time

import pytest

from tests.simulator import SimulatorClient
from tests.simulator.asking import APIS, BODIES, ask, asking
from tests.stopwatch import Stopwatch

SLOW = {"text": "0123456789" * 50, "tokens_per_s": 100}


def test_a_request_is_remembered_with_what_was_sent(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"text": "Hällo 🦋", "tokens_per_s": 0})
    before = time.monotonic()
    answer = ask(simulator)

    (seen,) = simulator.requests()
    assert (seen.api, seen.purpose, seen.model, seen.status) == ("openai_chat", "answer", "gpt-x", 200)
    assert seen.body == BODIES["openai_chat"]
    assert (seen.sent_text, seen.sent_chars) == ("Hällo 🦋", 7)
    assert seen.sent_bytes > len(answer.content)
    assert before < seen.arrived_at < time.monotonic()
    assert seen.finished
    assert seen.client_gone_at is None


def test_keys_are_not_remembered(simulator: SimulatorClient) -> None:
    import httpx2

    headers = {"authorization": "Bearer sk-secret-1234", "x-goog-api-key": "secret-5678"}
    httpx2.post(
        f"{simulator.url}/v1/chat/completions", json=BODIES["openai_chat"] | {"model": "sim-500"}, headers=headers
    )

    (seen,) = simulator.requests()
    assert (seen.headers["authorization"], seen.headers["x-goog-api-key"]) == ("...1234", "...5678")


@pytest.mark.parametrize("script", [SLOW, {"stall_before_first": True}, {**SLOW, "hold_at": [8]}], ids=str)
@pytest.mark.parametrize("api", APIS)
def test_a_client_that_leaves_is_noticed_at_once(simulator: SimulatorClient, api: str, script: dict) -> None:
    simulator.script("gpt-x", script)
    client = raw_request(simulator, api)
    simulator.wait_for(lambda request: request.sent_chars >= 8 or request.state == "stalled")

    watch = Stopwatch()
    client.close()
    seen = simulator.wait_for(lambda request: request.client_gone_at)

    assert seen.client_gone_at is not None
    assert watch.took_s(seen.client_gone_at) < 0.5
    assert seen.state == "gone"


def test_a_client_that_is_reset_is_noticed_too(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"stall_before_first": True})
    client = raw_request(simulator, "anthropic")
    simulator.wait_for(lambda request: request.state == "stalled")

    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()

    assert simulator.wait_for(lambda request: request.client_gone_at).sent_bytes == 0


def test_nothing_is_sent_after_the_client_has_gone(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", SLOW)
    with asking(simulator):
        simulator.wait_for(lambda request: request.sent_chars > 20)
    sent = simulator.wait_for(lambda request: request.client_gone_at).sent_chars

    simulator.script("other", {"text": "0123456789", "tokens_per_s": 100})
    ask(simulator, model="other")

    assert simulator.requests(model="gpt-x")[0].sent_chars == sent < 500


def test_the_log_says_when_each_character_was_sent(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"text": "0123456789" * 4, "tokens_per_s": 200})
    begun = time.time()
    ask(simulator)

    log = simulator.wait_for(lambda request: request.finished).log
    assert [chars for _, chars in log][-1] == 40
    assert log == sorted(log)
    assert begun < log[0][0] < log[-1][0] < time.time()


def test_a_client_that_does_not_read_is_not_written_to_for_ever(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"text": "0123456789" * 100_000, "tokens_per_s": 100_000, "token_chars": [100, 100]})
    client = raw_request(simulator, "openai_chat", receive_buffer=4096)
    simulator.wait_for(lambda request: request.sent_chars > 0)

    quiet = simulator.wait_for(unchanged_for(0.1))

    assert quiet.sent_chars < 1_000_000
    client.close()
    simulator.wait_for(lambda request: request.state == "gone")


def test_requests_can_be_forgotten(simulator: SimulatorClient) -> None:
    ask(simulator, model="sim-500")
    simulator.forget_requests()

    assert simulator.requests() == []


def raw_request(simulator: SimulatorClient, api: str, receive_buffer: int | None = None) -> socket.socket:
    """A request on a bare socket that nobody reads from."""
    import httpx2

    from tests.simulator.asking import PATHS

    request = httpx2.Request("POST", simulator.url + PATHS[api], json=BODIES[api])
    lines = [f"POST {request.url.raw_path.decode()} HTTP/1.1", *(f"{k}: {v}" for k, v in request.headers.items())]
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.connect((request.url.host, request.url.port))
    client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + request.read())
    return client


def unchanged_for(seconds: float):
    last = (0, 0.0)

    def fact(request) -> bool:
        nonlocal last
        if request.sent_chars != last[0]:
            last = (request.sent_chars, time.monotonic())
        return time.monotonic() - last[1] > seconds

    return fact
