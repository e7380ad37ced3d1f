"""How bytes come from the companies: httpx2, which all three SDKs speak, on aiohttp's connections. Import it late.

httpx2's own transport asks the selector twice for each read and makes an object of each piece of a chunked body: most
of what a token costs. aiohttp parses in C, and gives what has come since the last look as one piece.
"""

import asyncio
import contextlib
import functools
from collections import deque
from collections.abc import AsyncIterator, Iterator
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import aiohttp
import httpx2

from providers.upstream import certificates

KEPT_IDLE_S = 30
# Only what the SDK has set goes out.
AUTOMATIC = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class Transport(httpx2.AsyncBaseTransport):
    """Connections of one client, for one event loop. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are honoured."""

    def __init__(self, connect_s: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
        self._session: aiohttp.ClientSession | None = None
        self._answers: WeakSet[aiohttp.ClientResponse] = WeakSet()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The head of the answer; its body is read as it comes, and only on demand."""
        with errors_translated(request):
            answer = await self._opened().request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                data=await request.aread() or None,
                allow_redirects=False,
                proxy=proxy_for(request.url.scheme, request.url.host),
                timeout=self._timeout,
            )
        self._answers.add(answer)
        reason = (answer.reason or "").encode("ascii", "replace")
        body = Body(request, answer)
        return httpx2.Response(
            answer.status,
            headers=list(answer.raw_headers),
            stream=body,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": reason, "body": body},
        )

    async def aclose(self) -> None:
        """Whoever still reads gets an error: closing the session alone would let them wait for ever."""
        session, self._session = self._session, None
        for answer in list(self._answers):
            answer.close()
        if session is not None:
            await session.close()

    def __del__(self) -> None:
        """A client that nobody has closed goes quietly; its connections close themselves."""
        if self._session is not None:
            self._session.detach()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=certificates(), keepalive_timeout=KEPT_IDLE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=AUTOMATIC,
                auto_decompress=False,
            )
        return self._session


@functools.cache
def proxy_for(scheme: str, host: str) -> str | None:
    """As the environment says. aiohttp would ask it anew for each request, in two visits to a thread."""
    return None if proxy_bypass(host) else getproxies().get(scheme)


class Body(httpx2.AsyncByteStream):
    """The body of one answer. Closing it before its end closes the connection."""

    def __init__(self, request: httpx2.Request, answer: aiohttp.ClientResponse) -> None:
        self._request = request
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece

    def at_hand(self) -> bytes:
        """What has come since the last look; also what had come before the connection broke."""
        content = self._answer.content
        if len(content._buffer) > 1:
            # Else aiohttp would look after its connection for each piece of it.
            content._buffer = deque([b"".join(content._buffer)])
        return content._read_nowait(-1) if content._buffer else b""

    def pause(self) -> None:
        """Leave what comes next to the kernel."""
        if transport := self._transport:
            transport.pause_reading()

    def resume(self) -> None:
        if transport := self._transport:
            transport.resume_reading()

    @property
    def _transport(self) -> asyncio.Transport | None:
        """None once the answer is whole: its connection may serve another one by now."""
        connection = self._answer.connection
        return connection.transport if connection else None

    async def read(self) -> bytes:
        """What is at hand, or what comes next; empty at the end."""
        with errors_translated(self._request):
            try:
                return await self._answer.content.readany()
            except (aiohttp.ClientError, OSError):
                # It raises at once, and would forget what had come before the connection broke.
                if last := self.at_hand():
                    return last
                raise

    async def aclose(self) -> None:
        self._answer.release()


class Decoded:
    """The body of a compressed answer, piece by piece."""

    def __init__(self, response: httpx2.Response) -> None:
        self._pieces = response.aiter_bytes()

    def at_hand(self) -> bytes:
        """It is not known before it is read."""
        return b""

    def pause(self) -> None:
        """It is read as it comes."""

    resume = pause

    async def read(self) -> bytes:
        return await anext(self._pieces, b"")


type Pieces = Body | Decoded


def pieces_of(response: httpx2.Response) -> Pieces:
    """What an open answer is read from: past httpx2's layers unless it is compressed."""
    body: Body = response.extensions["body"]
    return body if "content-encoding" not in response.headers else Decoded(response)


@contextlib.contextmanager
def errors_translated(request: httpx2.Request) -> Iterator[None]:
    """aiohttp's errors as the ones that httpx2's own transport would raise."""
    try:
        yield
    except aiohttp.InvalidURL as error:
        raise httpx2.UnsupportedProtocol(str(error), request=request) from error
    except (TimeoutError, aiohttp.ConnectionTimeoutError) as error:
        raise httpx2.ConnectTimeout(str(error), request=request) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx2.ConnectError(str(error), request=request) from error
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError) as error:
        raise httpx2.RemoteProtocolError(str(error) or "the connection was closed", request=request) from error
    except (aiohttp.ClientResponseError, aiohttp.http_exceptions.HttpProcessingError) as error:
        raise httpx2.RemoteProtocolError(str(error), request=request) from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx2.ReadError(str(error), request=request) from error
    except ValueError as error:
        raise httpx2.LocalProtocolError(str(error), request=request) from error
