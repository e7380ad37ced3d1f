"""Anthropic's Messages API. https://platform.claude.com/docs/en/api/messages/create

The SDK sends the request and tells refusals apart; the bytes of the answer are decoded here, because an event object of
the SDK costs more than everything else we do with a token.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from providers.anthropic_messages.errors import ended_too_soon, to_our_error
from providers.anthropic_messages.request import to_wire
from providers.anthropic_messages.stream import Answer
from providers.contract import ChatRequest, Connection, StreamEvent
from providers.sdks import import_sdk
from providers.upstream import Upstream, errors_translated

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic


class AnthropicMessages:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client: AsyncAnthropic | None = None
        self._opening = asyncio.Lock()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        """Yield deltas in order, one Usage, then Finished. Raises ProviderError, never an SDK error."""
        wire, answer = to_wire(request), Answer()
        with errors_translated(answer, to_our_error):
            client = await self._opened_client()
            upstream = Upstream(request.timeouts or self._connection.timeouts, request.wanted)
            async with AsyncExitStack() as closing:
                sending = client.messages.with_streaming_response.create(**wire)
                response = await upstream.opened(closing.enter_async_context(sending))
                events = upstream.events(response.http_response)
                payloads = await closing.enter_async_context(aclosing(events))
                async for payload in payloads:
                    for event in answer.read(payload):
                        yield event
                    if answer.finished:
                        break
                else:
                    raise ended_too_soon(upstream.stray)
                await upstream.drain(payloads)

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _opened_client(self) -> "AsyncAnthropic":
        """The SDK takes most of a second to import, so the first call does that beside the event loop."""
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(new_client, self._connection)
            return self._client


def new_client(connection: Connection) -> "AsyncAnthropic":
    import_sdk("anthropic")
    import httpx2
    from anthropic import AsyncAnthropic

    from providers.transport import Transport

    return AsyncAnthropic(
        api_key=connection.api_key or "none",
        base_url=connection.base_url or None,
        max_retries=0,
        timeout=None,
        http_client=httpx2.AsyncClient(transport=Transport(connection.timeouts.connect_s), follow_redirects=True),
    )
