"""One answer on its way out: writes the steps that are due, waits for the rest, stops when the client has gone."""

import asyncio
import socket
import struct
from collections.abc import Callable

from tests.simulator.pacer import Pacer
from tests.simulator.plan import Plan
from tests.simulator.records import Record

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Playing:
    def __init__(
        self, plan: Plan, record: Record, transport: asyncio.Transport, pacer: Pacer, finished: Callable[[], None]
    ) -> None:
        self._steps = plan.steps
        self._next = 0
        self._record = record
        self._transport = transport
        self._pacer = pacer
        self._finished = finished
        self._reached = pacer.now()
        self._blocked = False
        self._scheduled = False
        self._releases = 0
        self._ended = False
        record.status = plan.status
        record.text = plan.text

    @property
    def record(self) -> Record:
        return self._record

    def wake(self, now: float) -> None:
        """Write everything that is due in one piece; if the loop was late, it catches up with the pace."""
        if self._ended or self._blocked or self._record.state in ("holding", "stalled"):
            return
        due: list[bytes] = []
        chars = self._record.chars
        while self._next < len(self._steps):
            step = self._steps[self._next]
            if self._reached + step.wait_s > now:
                self._wake_at(self._reached + step.wait_s)
                break
            self._reached += step.wait_s
            self._next += 1
            if step.payload:
                due.append(step.payload)
                chars = step.chars
            if step.action:
                self._write(now, due, chars)
                due = []
                if not self._acted(step.action):
                    return
        self._write(now, due, chars)
        if self._next == len(self._steps):
            self._end("finished")
            self._finished()

    def _wake_at(self, due: float) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._pacer.at(due, self._woken)

    def _woken(self, now: float) -> None:
        self._scheduled = False
        self.wake(now)

    def _write(self, now: float, due: list[bytes], chars: int) -> None:
        if not due:
            return
        self._record.state = "streaming"
        payload = due[0] if len(due) == 1 else b"".join(due)
        self._record.wrote(now, len(payload), chars)
        self._transport.write(payload)

    def _acted(self, action: str) -> bool:
        """Whether the next step may follow at once."""
        match action:
            case "hold" if self._releases:
                self._releases -= 1
                return True
            case "hold":
                self._record.state = "holding"
            case "stall":
                self._record.state = "stalled"
            case "close":
                self._end("cut")
                self._transport.close()
            case "reset":
                self._end("cut")
                connection: socket.socket = self._transport.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                self._transport.abort()
        return False

    def release(self) -> None:
        """Let it pass the hold it stands at, or the next one it comes to."""
        if self._record.state != "holding":
            self._releases += 1
            return
        self._record.state = "streaming"
        self._reached = self._pacer.now()
        self.wake(self._reached)

    def block(self) -> None:
        """The client reads too slowly."""
        self._blocked = True

    def unblock(self) -> None:
        self._blocked = False
        self.wake(self._pacer.now())

    def client_gone(self) -> None:
        if not self._ended:
            self._end("gone")

    def _end(self, state: str) -> None:
        self._ended = True
        self._record.end(state)
