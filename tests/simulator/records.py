"""What the simulator was asked and how far its answer got, for tests to judge the site by."""

import time
from array import array
from typing import Any

import msgspec

from tests.simulator.http_messages import HttpRequest

# both clocks tick alike: log points are taken on the monotonic one and told on both
WALL_MINUS_MONOTONIC = time.time() - time.monotonic()


class Seen(msgspec.Struct, frozen=True):
    """One request as `GET /simulator/requests` tells it. Times are `time.monotonic()`, which all processes share,
    except in `log`: (`time.time()`, visible characters written so far).

    `state`: waiting, streaming, holding, stalled; at last finished (all that was scripted is written), cut (the script
    broke the connection) or gone (the client left).
    """

    id: int
    api: str
    purpose: str
    model: str
    status: int
    state: str
    arrived_at: float
    ended_at: float | None
    client_gone_at: float | None
    headers: dict[str, str]
    body: dict[str, Any]
    sent_text: str
    sent_chars: int
    sent_bytes: int
    log: list[tuple[float, int]]

    @property
    def finished(self) -> bool:
        return self.state == "finished"


class Record:
    """The running account of one request; `seen()` is the picture others get."""

    def __init__(
        self, number: int, api: str, purpose: str, model: str, http: HttpRequest, body: dict[str, Any]
    ) -> None:
        self.id = number
        self.api = api
        self.purpose = purpose
        self.model = model
        self.status = 0
        self.state = "waiting"
        self.text = ""
        self.chars = 0
        self.bytes = 0
        self.arrived_at = time.monotonic()
        self.ended_at: float | None = None
        self.client_gone_at: float | None = None
        self._headers = http.redacted_headers()
        self._body = body
        self._log_times = array("d")
        self._log_chars = array("L")

    def wrote(self, now: float, size: int, chars: int) -> None:
        self.bytes += size
        if chars != self.chars:
            self.chars = chars
            self._log_times.append(now)
            self._log_chars.append(chars)

    def end(self, state: str) -> None:
        self.state = state
        self.ended_at = time.monotonic()
        if state == "gone":
            self.client_gone_at = self.ended_at

    def seen(self) -> Seen:
        return Seen(
            id=self.id,
            api=self.api,
            purpose=self.purpose,
            model=self.model,
            status=self.status,
            state=self.state,
            arrived_at=self.arrived_at,
            ended_at=self.ended_at,
            client_gone_at=self.client_gone_at,
            headers=self._headers,
            body=self._body,
            sent_text=self.text[: self.chars],
            sent_chars=self.chars,
            sent_bytes=self.bytes,
            log=[
                (at + WALL_MINUS_MONOTONIC, chars) for at, chars in zip(self._log_times, self._log_chars, strict=True)
            ],
        )
