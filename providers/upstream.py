"""Reading one streamed answer: in time, event by event, with every error in our words."""

import asyncio
import contextlib
import functools
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

from providers.contract import Timeouts, Usage, Wanted
from providers.errors import ProviderError, SilentTooLong
from providers.sse import EventDecoder

if TYPE_CHECKING:
    import httpx2

    from providers.transport import Pieces

DRAIN_S = 0.1


class Upstream:
    """One answer on its way to us.

    From here to its first bytes `first_event_s` may pass, then `between_events_s` until more come, or `first_event_s`
    again while the adapter says that the model is `thinking`. Whatever comes is a sign of life, also a ping or a
    comment, but comments alone for no longer than `first_event_s`. The time its reader takes does not count.

    To wait for one token, and to take it from its socket, costs more than all else that is done with it: so while
    nobody `wanted` what comes next, it is left to the kernel, and then read at once.
    """

    def __init__(self, timeouts: Timeouts, wanted: Wanted | None = None) -> None:
        self.thinking = False
        self._wanted = wanted
        self._decoder = EventDecoder()
        self._timeouts = timeouts
        self._clock = asyncio.get_running_loop().time
        self._event_until = self._clock() + timeouts.first_event_s
        self._heard = False

    @property
    def stray(self) -> bytes:
        """What came and was no event, such as an HTML page or a bare JSON error."""
        return bytes(self._decoder.stray)

    async def opened[R](self, response: Awaitable[R]) -> R:
        """Wait for the head of the answer."""
        return await self._in_time(response)

    async def events(self, response: "httpx2.Response") -> AsyncGenerator[bytes]:
        """The data of each event of an open answer."""
        from providers.transport import pieces_of

        pieces = pieces_of(response)
        while piece := await self._next(pieces):
            self._heard = True
            events = self._decoder.feed(piece)
            for data in events:
                yield data
            if events:
                self._event_until = self._clock() + max(self._timeouts.first_event_s, self._timeouts.between_events_s)
            # Nothing of it is kept while the next is waited for, by hundreds of answers at a time.
            del piece, events
        for data in self._decoder.end():
            yield data

    async def drain(self, payloads: AsyncIterator[bytes]) -> None:
        """Read what follows a whole answer, so that its connection can serve another; if it breaks, nothing is lost."""
        self._wanted = None
        with contextlib.suppress(Exception):
            async with asyncio.timeout(DRAIN_S):
                async for _ in payloads:
                    pass

    async def _next(self, pieces: "Pieces") -> bytes:
        piece = pieces.at_hand()
        if not piece and self._wanted and (later := self._wanted()):
            pieces.pause()
            try:
                await later
            finally:
                pieces.resume()
            # The event loop's next look at its sockets brings what has come.
            await asyncio.sleep(0)
            piece = pieces.at_hand()
        return piece or await self._in_time(pieces.read())

    async def _in_time[R](self, awaited: Awaitable[R]) -> R:
        try:
            async with self._patience():
                return await awaited
        except TimeoutError as error:
            raise SilentTooLong(f"nothing {'more' if self._heard else 'at all'} came in time") from error

    def _patience(self) -> asyncio.Timeout:
        quiet_s = self._timeouts.first_event_s if self.thinking else self._timeouts.between_events_s
        until = min(self._clock() + quiet_s, self._event_until) if self._heard else self._event_until
        return asyncio.timeout_at(until)


class Counting(Protocol):
    @property
    def usage(self) -> Usage | None: ...


@contextlib.contextmanager
def errors_translated(answer: Counting, to_our_error: Callable[[Exception], ProviderError | None]) -> Iterator[None]:
    """Lets only ProviderErrors out, each with what had been counted until then; a fault of our own stays one."""
    try:
        yield
    except ProviderError as error:
        error.usage = error.usage or answer.usage
        raise
    except Exception as error:
        ours = to_our_error(error)
        if ours is None:
            raise
        ours.usage = answer.usage
        ours.sent = not never_connected(error)
        raise ours from error


def never_connected(error: Exception) -> bool:
    """Whether an error of an SDK, or of the HTTP library beneath it, says that the request never left."""
    import httpx2

    return any(isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout) for cause in (error, error.__cause__))


@functools.cache
def certificates() -> ssl.SSLContext:
    """What connections trust. Loading it takes 50 ms, so all clients of a process share it."""
    import httpx2

    return httpx2.create_ssl_context()


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long a refusal asks us to wait: `retry-after-ms`, or `retry-after` in seconds or as a date; None without.

    https://httpwg.org/specs/rfc9110.html#field.retry-after
    """
    if re.fullmatch(r"\d+(\.\d+)?", headers.get("retry-after-ms", "")):
        return float(headers["retry-after-ms"]) / 1000
    wanted = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", wanted):
        return float(wanted)
    try:
        until = parsedate_to_datetime(wanted)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
