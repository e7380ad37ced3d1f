"""What both OpenAI adapters share: the SDK's client, an open stream as bytes, and SDK errors in our words.

The SDK builds the request and maps the answer's status; its event objects would cost more than the rest of a token.
"""

import asyncio
import contextlib
import json
import re
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from providers.contract import ChatRequest, Connection, Image, ToolResult, Usage
from providers.errors import Disconnected, Garbled, KeyRejected, ProviderError, SilentTooLong
from providers.sdks import import_sdk
from providers.upstream import Upstream, never_connected, retry_after_s
from providers.wire_errors import kind_of_error

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

# What the SDK's `with_streaming_response` methods return: a response whose body nobody has read yet.
type OpenCall = Callable[[AsyncOpenAI], contextlib.AbstractAsyncContextManager[Any]]


class Answering:
    """One open answer of status 200."""

    def __init__(self, upstream: Upstream, payloads: AsyncIterator[bytes]) -> None:
        self.upstream = upstream
        self.payloads = payloads

    async def drain(self) -> None:
        await self.upstream.drain(self.payloads)

    def ended_too_soon(self, usage: Usage | None = None) -> ProviderError:
        """What a clean end without the last event means: perhaps it was a bare JSON error or an HTML page."""
        stray = self.upstream.stray
        if not stray:
            return Garbled("the answer ended without its last event", usage=usage)
        try:
            wire = msgspec.json.decode(stray)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Garbled(f"this is no event stream: {stray[:200].decode(errors='replace')}", usage=usage)
        if isinstance(wire, dict) and wire.get("error"):
            return refusal_in_stream(wire["error"], usage)
        return Garbled("JSON instead of an event stream", usage=usage)


class OpenAIServer:
    """OpenAI or a compatible server. The SDK is imported at the first call, in a thread: it takes half a second."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client: AsyncOpenAI | None = None
        self._making = asyncio.Lock()

    @property
    def is_openai(self) -> bool:
        """Whether it is the company itself or its models on Azure, which refuse what compatible servers want."""
        base_url = self._connection.base_url
        return not base_url or ".openai.com" in base_url or ".openai.azure.com" in base_url

    @contextlib.asynccontextmanager
    async def answering(self, call: OpenCall, request: ChatRequest) -> AsyncGenerator[Answering]:
        """An open answer. Raises ProviderError, also for what the SDK raises within the block."""
        with sdk_errors_translated():
            client = await self._ready_client()
            upstream = Upstream(request.timeouts or self._connection.timeouts, request.wanted)
            upstream.thinking = True
            async with contextlib.AsyncExitStack() as closing:
                response = await upstream.opened(closing.enter_async_context(call(client)))
                events = upstream.events(response.http_response)
                payloads = await closing.enter_async_context(contextlib.aclosing(events))
                yield Answering(upstream, payloads)

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _ready_client(self) -> "AsyncOpenAI":
        async with self._making:
            if self._client is None:
                self._client = await asyncio.to_thread(_new_client, self._connection)
            return self._client


def _new_client(connection: Connection) -> "AsyncOpenAI":
    import_sdk("openai")
    import httpx2
    from openai import AsyncOpenAI

    from providers.transport import Transport

    # A server without keys still gets one: an empty one makes no valid header.
    return AsyncOpenAI(
        api_key=connection.api_key.strip() or "none",
        base_url=connection.base_url or "https://api.openai.com/v1",
        timeout=None,
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=Transport(connection.timeouts.connect_s), follow_redirects=True),
    )


# --- errors -----------------------------------------------------------------


@contextlib.contextmanager
def sdk_errors_translated() -> Generator[None]:
    try:
        yield
    except (ProviderError, GeneratorExit, asyncio.CancelledError):
        raise
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Garbled(f"an event is no valid JSON of this API: {error}") from error
    except Exception as error:
        translated = _translated(error)
        if translated is None:
            raise
        translated.sent = not never_connected(error)
        raise translated from error


def _translated(error: Exception) -> ProviderError | None:
    """The SDK is loaded when its errors come: an import here costs nothing."""
    import httpx2
    import openai

    match error:
        case openai.APIStatusError():
            return refusal_of_status(error)
        case openai.APITimeoutError() | httpx2.TimeoutException():
            return SilentTooLong(str(error))
        case UnicodeEncodeError() | openai.APIConnectionError(__cause__=httpx2.LocalProtocolError()):
            return KeyRejected("the key holds what no header can carry")
        case openai.APIConnectionError() | httpx2.TransportError() | httpx2.StreamError() | httpx2.InvalidURL():
            return Disconnected(f"{error} {error.__cause__ or ''}".strip())
        case openai.OpenAIError() | httpx2.HTTPError():
            return Garbled(str(error))
        case _:
            return None


def refusal_of_status(error: "APIStatusError") -> ProviderError:
    response = error.response
    kind, detail = _kind_and_detail(error.body or response.text, status=error.status_code)
    return kind(detail, status=error.status_code, retry_after_s=retry_after_s(response.headers))


def refusal_in_stream(wire: object, usage: Usage | None) -> ProviderError:
    """The error of an `error` object within a stream of status 200."""
    kind, detail = _kind_and_detail(wire, status=_named_status(wire))
    return kind(detail, usage=usage)


def _kind_and_detail(wire: object, *, status: int | None) -> tuple[type[ProviderError], str]:
    """`wire` is the company's error object, or only its sentence."""
    if not isinstance(wire, Mapping):
        return kind_of_error(status, str(wire)), str(wire)
    detail = str(wire.get("message") or json.dumps(dict(wire)))
    words = " ".join(str(wire.get(key) or "") for key in ("code", "type", "message"))
    return kind_of_error(status, words), detail


def _named_status(wire: object) -> int | None:
    named = (str(wire.get(key)) for key in ("status_code", "code")) if isinstance(wire, Mapping) else ()
    return next((int(word) for word in named if re.fullmatch(r"[45]\d\d", word)), None)


# --- parts of requests and answers ------------------------------------------


def data_url(image: Image) -> str:
    return f"data:{image.media_type};base64,{b64encode(image.content).decode()}"


def result_text(result: ToolResult) -> str:
    """These APIs have no field for a failed tool, so the text says it."""
    return f"Error: {result.content}" if result.is_error else result.content


def arguments_of(wire: str) -> Mapping[str, Any]:
    """The arguments of a tool call; none at all are an empty object. Raises Garbled when they are no JSON object."""
    if not wire.strip():
        return {}
    try:
        arguments = msgspec.json.decode(wire)
    except msgspec.DecodeError as error:
        raise Garbled(f"the arguments of a tool call are no JSON: {error}") from error
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise Garbled("the arguments of a tool call are no JSON object")
    return arguments


def signed(model: str, **proof: object) -> str:
    """`ToolCall.signature`: what this model wants back with its call; empty when there is nothing."""
    kept = {name: value for name, value in proof.items() if value}
    return json.dumps({"model": model, **kept}, ensure_ascii=False) if kept else ""


def proof_in(signature: str, model: str) -> dict[str, Any]:
    """What `signed` was given; empty when another model or another API has signed."""
    try:
        proof = json.loads(signature or "{}")
    except ValueError:
        return {}
    return proof if isinstance(proof, dict) and proof.pop("model", None) == model else {}
