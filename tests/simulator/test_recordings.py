"""Recorded streams and refusals come out byte for byte."""

import json

import pytest

from tests.data import WIRE
from tests.simulator import SimulatorClient
from tests.simulator.asking import APIS, ask, asking


@pytest.mark.parametrize("api", APIS)
def test_every_recorded_stream_is_served_byte_for_byte(simulator: SimulatorClient, api: str) -> None:
    for path in sorted(WIRE.glob(f"{api}/*.sse")):
        simulator.script("gpt-x", {"recording": f"{api}/{path.name}", "tokens_per_s": 0})
        assert ask(simulator, api).content == path.read_bytes(), path.name


@pytest.mark.parametrize("api", APIS)
def test_every_recorded_refusal_is_served_as_it_was(simulator: SimulatorClient, api: str) -> None:
    for path in sorted(WIRE.glob(f"{api}/*.error.json")):
        recorded = json.loads(path.read_bytes())
        simulator.script("gpt-x", {"recording": f"{api}/{path.name}"})
        answer = ask(simulator, api)

        assert (answer.status_code, answer.text) == (recorded["status"], recorded["body"]), path.name
        assert recorded["headers"].items() <= dict(answer.headers).items(), path.name


def test_a_recording_cut_into_bytes_is_still_itself(simulator: SimulatorClient) -> None:
    name = "google/gemini-2.5-flash-success-thinking-reply-thought-summary-ef21b.sse"
    simulator.script("gpt-x", {"recording": name, "tokens_per_s": 0, "wire_bytes": [1, 1]})

    with asking(simulator, "google") as response:
        pieces = list(response.iter_raw())

    assert b"".join(pieces) == (WIRE / name).read_bytes()
    assert {len(piece) for piece in pieces} == {1}


def test_a_recording_can_be_cut_off(simulator: SimulatorClient) -> None:
    name = "anthropic/claude-sonnet-4-20250514-anthropic-claude-sonnet-c4d58.sse"
    simulator.script("gpt-x", {"recording": name, "tokens_per_s": 0, "fault": {"kind": "end", "after_bytes": 777}})

    assert ask(simulator, "anthropic").content == (WIRE / name).read_bytes()[:777]
    assert simulator.wait_for().sent_text == ""


def test_the_text_of_a_recording_is_known_once_it_is_sent(simulator: SimulatorClient) -> None:
    simulator.script("gpt-x", {"recording": "openai_chat/deepseek-chat-chinese-emoji.sse", "tokens_per_s": 0})
    ask(simulator)

    (expected,) = (
        file["expected"]["text"]
        for file in json.loads((WIRE / "index.json").read_bytes())["files"]
        if file["file"] == "openai_chat/deepseek-chat-chinese-emoji.sse"
    )
    assert simulator.wait_for(lambda request: request.finished).sent_text == expected != ""


def test_a_recording_has_no_character_offsets(simulator: SimulatorClient) -> None:
    with pytest.raises(ValueError, match="after_bytes"):
        simulator.script("gpt-x", {"recording": "anthropic/x.sse", "fault": {"kind": "close", "after_chars": 3}})
