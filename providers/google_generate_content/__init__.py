"""Google's Gemini API, `streamGenerateContent`. https://ai.google.dev/api/generate-content

The SDK sends the request and tells refusals apart; the bytes of the answer are decoded here. Its own stream can neither
be closed nor be given a time limit that fits, and takes a comment line for an error.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any

from providers.contract import ChatRequest, Connection, StreamEvent
from providers.errors import Garbled
from providers.google_generate_content.errors import to_our_error
from providers.google_generate_content.request import to_wire
from providers.google_generate_content.stream import Answer
from providers.sdks import import_sdk
from providers.upstream import Upstream, certificates, errors_translated

if TYPE_CHECKING:
    from google.genai import Client
    from httpx2 import Response

    from providers.google_generate_content.raw import RawClient


class GoogleGenerateContent:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._clients: tuple[Client, RawClient] | None = None
        self._opening = asyncio.Lock()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        """Yield deltas in order, one Usage, then Finished. Raises ProviderError, never an SDK error."""
        wire, answer = to_wire(request), Answer()
        with errors_translated(answer, to_our_error):
            client, _ = await self._opened_clients()
            upstream = Upstream(request.timeouts or self._connection.timeouts, request.wanted)
            async with AsyncExitStack() as closing:
                response = await upstream.opened(accepted(client, wire))
                closing.push_async_callback(response.aclose)
                payloads = await closing.enter_async_context(aclosing(upstream.events(response)))
                async for payload in payloads:
                    for event in answer.read(payload):
                        yield event
                for event in answer.end(upstream.stray):
                    yield event

    async def aclose(self) -> None:
        clients, self._clients = self._clients, None
        if clients is not None:
            client, http_client = clients
            client.close()
            await client.aio.aclose()
            await http_client.aclose()

    async def _opened_clients(self) -> "tuple[Client, RawClient]":
        """The SDK takes half a second to import, so the first call does that beside the event loop."""
        async with self._opening:
            if self._clients is None:
                self._clients = await asyncio.to_thread(new_clients, self._connection)
            return self._clients


async def accepted(client: "Client", wire: dict[str, Any]) -> "Response":
    """Send the request; the answer comes back open and unread once its status is known to be 200."""
    from providers.google_generate_content.raw import Accepted

    try:
        async for _ in await client.aio.models.generate_content_stream(**wire):
            pass
    except Accepted as answer:
        return answer.response
    raise Garbled("the SDK has read the answer itself")


def new_clients(connection: Connection) -> "tuple[Client, RawClient]":
    """The SDK would load the system's certificates twice more for clients that we never use."""
    import_sdk("google")
    from google.genai import Client
    from google.genai.types import HttpOptions

    from providers.google_generate_content.raw import RawClient

    verify = certificates()
    http_client = RawClient(connection.timeouts.connect_s)
    options = HttpOptions(
        base_url=connection.base_url or None,
        httpx_async_client=http_client,
        client_args={"verify": verify},
        async_client_args={"ssl": verify},
    )
    return Client(api_key=connection.api_key or "none", vertexai=False, http_options=options), http_client
