"""OpenAI's Responses API, and servers that speak it.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import AsyncGenerator

from providers.contract import ChatRequest, Connection, StreamEvent
from providers.openai_responses.request import to_wire
from providers.openai_responses.stream import Answer
from providers.openai_server import OpenAIServer

__all__ = ["OpenAIResponses"]


class OpenAIResponses:
    def __init__(self, connection: Connection) -> None:
        self._server = OpenAIServer(connection)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        """Yield deltas in order, one Usage, then Finished. Raises ProviderError, never an SDK error."""
        wire = to_wire(request)
        answer = Answer(request.model)
        async with self._server.answering(
            # As `extra_body` it goes out as it is; in each of its arguments the SDK would look for names to translate.
            lambda sdk: sdk.responses.with_streaming_response.create(stream=True, extra_body=wire),
            request,
        ) as answering:
            async for payload in answering.payloads:
                for event in answer.take(payload):
                    yield event
                answering.upstream.thinking = answer.thinking
                if answer.ended:
                    break
            else:
                raise answering.ended_too_soon()
            await answering.drain()

    async def aclose(self) -> None:
        await self._server.aclose()
