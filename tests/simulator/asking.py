"""How tests ask the simulator without an SDK: one chat request, its bytes, and the text in them."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec

from tests.simulator import SimulatorClient

HELLO = [{"role": "user", "content": "Hello"}]
PATHS = {
    "openai_responses": "/v1/responses",
    "openai_chat": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "google": "/v1beta/models/gpt-x:streamGenerateContent?alt=sse",
}
BODIES: dict[str, dict[str, Any]] = {
    "openai_responses": {"model": "gpt-x", "stream": True, "input": "Hello"},
    "openai_chat": {"model": "gpt-x", "stream": True, "messages": HELLO},
    "anthropic": {"model": "gpt-x", "stream": True, "max_tokens": 100, "messages": HELLO},
    "google": {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]},
}
APIS = tuple(PATHS)


def ask(simulator: SimulatorClient, api: str = "openai_chat", **changed: Any) -> httpx2.Response:
    """The whole answer, also when it is a refusal."""
    with asking(simulator, api, **changed) as response:
        response.read()
    return response


@contextlib.contextmanager
def asking(simulator: SimulatorClient, api: str = "openai_chat", **changed: Any) -> Iterator[httpx2.Response]:
    """The answer while it comes."""
    with (
        httpx2.Client(timeout=10, verify=False) as client,
        client.stream("POST", simulator.url + PATHS[api], json={**BODIES[api], **changed}) as response,
    ):
        yield response


def until_broken(response: httpx2.Response) -> bytes:
    """What came before the connection broke; a connection that does not break is an error."""
    came = b""
    try:
        for piece in response.iter_raw():
            came += piece
    except (httpx2.RemoteProtocolError, httpx2.ReadError):
        return came
    raise AssertionError(f"the answer ended whole after {len(came)} bytes")


def text_of(chat_stream: bytes) -> str:
    return "".join(delta.get("content", "") for delta in deltas_of(chat_stream))


def deltas_of(chat_stream: bytes) -> list[dict[str, Any]]:
    chunks = [msgspec.json.decode(line) for line in re.findall(rb"^data: (\{.*\})\n\n", chat_stream, re.MULTILINE)]
    return [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]
