"""The Chat Completions API as OpenAI and its many compatible servers speak it.

https://platform.openai.com/docs/api-reference/chat-streaming. How servers differ is in the recordings of the tests.
"""

from collections.abc import AsyncGenerator

from providers.contract import ChatRequest, Connection, StreamEvent
from providers.errors import Disconnected, ProviderError, SilentTooLong
from providers.openai_chat.request import to_wire
from providers.openai_chat.stream import Answer
from providers.openai_server import OpenAIServer

__all__ = ["OpenAIChat"]


class OpenAIChat:
    def __init__(self, connection: Connection) -> None:
        self._server = OpenAIServer(connection)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent]:
        """Yield deltas in order, one Usage, then Finished. Raises ProviderError, never an SDK error."""
        wire = to_wire(request, is_openai=self._server.is_openai)
        answer = Answer(request.model)
        try:
            async with self._server.answering(
                # As `extra_body` it goes out as it is; in all that is an argument the SDK looks for names to translate.
                lambda sdk: sdk.chat.completions.with_streaming_response.create(
                    model=request.model, messages=[], stream=True, extra_body=wire
                ),
                request,
            ) as answering:
                async for payload in answering.payloads:
                    for event in answer.take(payload):
                        yield event
                    answering.upstream.thinking = answer.thinking
                    if answer.done:
                        break
                if not answer.done and not answer.finish_reason:
                    raise answering.ended_too_soon()
                await answering.drain()
        except ProviderError as error:
            if not (answer.is_whole and isinstance(error, Disconnected | SilentTooLong)):
                error.usage = error.usage or answer.usage
                raise
        for event in answer.ending():
            yield event

    async def aclose(self) -> None:
        await self._server.aclose()
