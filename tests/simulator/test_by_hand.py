"""The simulator as a command, and the model names that need no script."""

import json
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.simulator import SimulatorClient, start_simulator_process
from tests.simulator.asking import ask, asking, text_of
from tests.simulator.client import REPOSITORY
from tests.simulator.shortcuts import SHORTCUTS


def test_it_runs_as_a_process_of_its_own() -> None:
    with start_simulator_process("--tokens-per-s", "0") as simulator:
        assert text_of(ask(simulator, model="anything").content).endswith("think first.\n")
        assert simulator.environment["OPENAI_BASE_URL"] == f"{simulator.url}/v1"
        assert simulator.wait_for().finished


def test_help_names_every_shortcut() -> None:
    command = [sys.executable, "-m", "tests.simulator", "--help"]
    told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout

    assert all(f"\n  {name} " in told for name in SHORTCUTS)


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("sim-401", 401),
        ("sim-404", 404),
        ("sim-429", 429),
        ("sim-500", 500),
        ("sim-overloaded", 529),
        ("sim-html", 200),
    ],
)
def test_shortcuts_that_refuse(simulator: SimulatorClient, model: str, status: int) -> None:
    assert ask(simulator, model=model).status_code == status


@pytest.mark.parametrize("model", ["sim-instant", "sim-length", "sim-refused", "sim-tools", "sim-echo"])
def test_shortcuts_that_answer(simulator: SimulatorClient, model: str) -> None:
    answer = ask(simulator, model=model)

    assert answer.content.endswith(b"data: [DONE]\n\n")
    assert simulator.wait_for().finished


@pytest.mark.parametrize(("model", "state"), [("sim-silent", "stalled"), ("sim-slow-start", "streaming")])
def test_shortcuts_that_keep_one_waiting(simulator: SimulatorClient, model: str, state: str) -> None:
    asked = json.dumps({"model": model, "input": "Hi", "stream": True})
    address = urlsplit(simulator.url)
    with socket.create_connection((address.hostname, address.port)) as asker:
        head = f"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(asked)}\r\n\r\n"
        asker.sendall((head + asked).encode())
        assert simulator.wait_for(lambda request: request.state == state).sent_chars == 0


def test_a_shortcut_can_be_followed_live(simulator: SimulatorClient) -> None:
    with asking(simulator, model="sim-fast") as response:
        first = next(response.iter_raw())

    assert first.startswith(b"data: ")
    assert simulator.wait_for(lambda request: request.client_gone_at).sent_chars < 1000
