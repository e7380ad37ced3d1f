"""The simulator's connections: which request is answered by which wire, and where the control calls go."""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import msgspec

from tests.simulator import anthropic_messages, google_generate_content, openai_chat, openai_responses
from tests.simulator.answers import Asked
from tests.simulator.control import answer_control
from tests.simulator.http_messages import HttpRequest, take_request, whole_response
from tests.simulator.pacer import Pacer
from tests.simulator.plan import plan_of
from tests.simulator.playing import Playing
from tests.simulator.records import Record
from tests.simulator.scripts import Script, ScriptBook
from tests.simulator.shortcuts import SHORTCUTS

JSON = {"content-type": "application/json"}
NONSENSE = (ValueError, LookupError, TypeError, AttributeError, msgspec.MsgspecError)
MODELS_PATH = re.compile(r"/v1(?:beta)?/models")
GOOGLE_PATH = re.compile(r"/v1(?:beta)?/models/([^/:]+):(\w+)")
WIRES = {
    "/v1/responses": openai_responses,
    "/v1/chat/completions": openai_chat,
    "/v1/messages": anthropic_messages,
}


class Simulator:
    """All that outlives a connection: scripts, records, running answers. Belongs to one event loop."""

    def __init__(self, default: Script | None = None) -> None:
        self.scripts = ScriptBook({name: script for name, (_, script) in SHORTCUTS.items()}, default or Script())
        self.records: list[Record] = []
        self.playing: set[Playing] = set()
        self.connections: set[Connection] = set()
        self.pacer = Pacer()
        self._numbers = itertools.count(1)

    def play(self, wire: ModuleType, http: HttpRequest, connection: "Connection") -> Playing:
        """The scripted answer, ready to begin; to a request that makes no sense the company's 400."""
        body: dict[str, Any] = {}
        try:
            body = _body_of(http)
            asked = wire.read(body)
            if not asked.streams:
                raise ValueError("the simulator only streams")
            script = self.scripts.take(asked.model, asked.purpose)
        except NONSENSE as error:
            asked = Asked(str(body.get("model", "")), "", ())
            refusal = wire.error_body(400, f"{type(error).__name__}: {error}")
            script = Script(status=400, headers=JSON, body=refusal.decode())
        record = Record(next(self._numbers), wire.API, asked.purpose, asked.model, http, body)
        self.records.append(record)
        return Playing(
            plan_of(script, wire, asked, record.id), record, connection.transport, self.pacer, connection.answered
        )

    def model_names(self) -> list[str]:
        return list(SHORTCUTS)


class Connection(asyncio.Protocol):
    """One client: reads a request, answers it, then reads the next."""

    transport: asyncio.Transport

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._received = bytearray()
        self._playing: Playing | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._simulator.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._answer_next()

    def eof_received(self) -> None:
        """The client closed its side. None means: close ours too, as no HTTP client goes on reading after that."""
        self._client_gone()

    def connection_lost(self, error: Exception | None) -> None:
        self._client_gone()
        self._simulator.connections.discard(self)

    def pause_writing(self) -> None:
        if self._playing:
            self._playing.block()

    def resume_writing(self) -> None:
        if self._playing:
            self._playing.unblock()

    def answered(self) -> None:
        self._forget()
        self._answer_next()

    def respond(self, status: int, body: bytes) -> None:
        self.transport.write(whole_response(status, body, JSON))

    def _client_gone(self) -> None:
        if self._playing:
            self._playing.client_gone()
            self._forget()

    def _forget(self) -> None:
        if self._playing:
            self._simulator.playing.discard(self._playing)
            self._playing = None

    def _answer_next(self) -> None:
        while not self._playing and (http := take_request(self._received)):
            if http.path.startswith("/simulator"):
                self.respond(*answer_control(self._simulator, http))
            elif MODELS_PATH.fullmatch(http.path):
                self.respond(200, _lister(http).models_list(self._simulator.model_names()))
            elif wire := _wire_for(http):
                self._play(wire, http)
            else:
                self.respond(404, openai_chat.error_body(404, f"no such path: {http.path}"))

    def _play(self, wire: ModuleType, http: HttpRequest) -> None:
        self._playing = playing = self._simulator.play(wire, http, self)
        self._simulator.playing.add(playing)
        playing.wake(self._simulator.pacer.now())


def _wire_for(http: HttpRequest) -> ModuleType | None:
    return google_generate_content if GOOGLE_PATH.fullmatch(http.path) else WIRES.get(http.path)


def _lister(http: HttpRequest) -> ModuleType:
    """All three companies list their models at the same path; their clients' headers differ."""
    if "anthropic-version" in http.headers:
        return anthropic_messages
    return google_generate_content if "x-goog-api-key" in http.headers else openai_chat


def _body_of(http: HttpRequest) -> dict[str, Any]:
    """The JSON body; Google names the model, and whether to stream, in the path."""
    body = msgspec.json.decode(http.body, type=dict)
    if found := GOOGLE_PATH.fullmatch(http.path):
        model, verb = found.groups()
        return {**body, "model": model, "stream": verb == "streamGenerateContent" and http.query.get("alt") == "sse"}
    return body


@contextlib.asynccontextmanager
async def simulator_listening(port: int = 0, default: Script | None = None) -> AsyncIterator[str]:
    """The simulator on 127.0.0.1, as its URL, until the block is left; then open connections are dropped."""
    simulator = Simulator(default)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(simulator), "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in simulator.connections:
            connection.transport.abort()
        await asyncio.sleep(0)
