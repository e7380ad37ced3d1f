"""What happens when the process is told to end (SIGTERM, Ctrl-C), the same under every server:

1. No answer begins any more; /readyz says that this process is draining.
2. The answers that are being written may finish, for as long as `end` gives them; a second signal cuts this short.
3. The rest are stored as far as they are, as interrupted.
4. Streams are closed plainly, and their browsers come back by themselves to whoever serves then.
5. The signal goes to the server's own handler. What keeps the process after that is a client that does not read: nobody
   waits for it.

Steps 2 and 3 are `end`, which is given: see `conversations.generating.run.drain`.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from types import FrameType

log = logging.getLogger(__name__)

type End = Callable[[asyncio.Event], Awaitable[None]]
type GoOn = Callable[[], None]
type Handler = Callable[[int, FrameType | None], object] | int | None

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# One order comes more than once: systemd signals the whole group, and a server's parent process passes it on.
SAME_ORDER_S = 2.0
# For requests that are open when streams are closed, and then for the server's own end.
REQUESTS_END_WITHIN_S = 1.0
SERVER_ENDS_WITHIN_S = 1.0


class Draining:
    """`began`: no new answers. `closing`: streams end; whoever waits in one is woken by what is in `at_closing`."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.closing = False
        self.at_closing: list[Callable[[], object]] = []
        self._began_at = 0.0
        self._hurry = asyncio.Event()
        self._requests: set[asyncio.Task[object]] = set()
        self._ending: asyncio.Task[None] | None = None

    def watch_signals(self, end: End, then: GoOn | None = None) -> None:
        """From the running loop of a process: from now on a signal means the steps above, with `then` for the last.

        The server's handler is held back until then. granian's is out of reach for good, so step 5 is all it gets: its
        process leaves. In a thread, as under `runserver`, signals are not ours and nothing is watched.
        """
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                go_on = then or partial(pass_on, number, signal.getsignal(number))
                asyncio.get_running_loop().add_signal_handler(number, self._told, end, go_on)

    def _told(self, end: End, go_on: GoOn) -> None:
        if self._ending is None:
            self._begin(end, go_on)
        elif self._drained_s() > SAME_ORDER_S:
            log.info("told to end again: answers are interrupted now")
            self._hurry.set()

    async def over(self, end: End) -> None:
        """Until all that is done; begins it if no signal did, because a server may end for reasons of its own."""
        await (self._ending or self._begin(end, lambda: None))

    def _begin(self, end: End, go_on: GoOn) -> asyncio.Task[None]:
        self._began_at = monotonic()
        self._ending = asyncio.create_task(self._end(end, go_on))
        return self._ending

    async def _end(self, end: End, go_on: GoOn) -> None:
        self.began.set()
        log.info("told to end: no new answers")
        try:
            await end(self._hurry)
            log.info("no answer is being written any more, after %.1f s: streams are closed", self._drained_s())
            self.closing = True
            for wake in self.at_closing:
                wake()
            if self._requests:
                await asyncio.wait(self._requests, timeout=REQUESTS_END_WITHIN_S)
        finally:
            log.info("drained after %.1f s", self._drained_s())
            go_on()

    def _drained_s(self) -> float:
        return monotonic() - self._began_at

    @contextmanager
    def request(self) -> Iterator[None]:
        """Around each request: before the server, which may drop what is open, is told to end, these have some time."""
        task = asyncio.current_task()
        assert task is not None
        self._requests.add(task)
        try:
            yield
        finally:
            self._requests.discard(task)


def pass_on(number: signal.Signals, previous: Handler) -> None:
    """What the signal would have done without us, and an end of the process that waits for nobody."""
    leaving = threading.Timer(SERVER_ENDS_WITHIN_S, os._exit, [0])
    leaving.daemon = True
    leaving.start()
    if callable(previous):
        previous(number, None)
    else:
        signal.signal(number, previous or signal.SIG_DFL)
        signal.raise_signal(number)


DRAINING = Draining()
