"""What Anthropic refuses and how. https://platform.claude.com/docs/en/api/errors"""

from typing import TYPE_CHECKING

import msgspec

from providers.errors import Disconnected, Garbled, ProviderError, SilentTooLong
from providers.upstream import retry_after_s
from providers.wire_errors import kind_of_error

if TYPE_CHECKING:
    from anthropic import APIStatusError


def to_our_error(error: Exception) -> ProviderError | None:
    """The SDK lets what breaks in the middle of a stream through as its HTTP library raises it."""
    import anthropic
    import httpx2

    match error:
        case anthropic.APIStatusError():
            return _refusal(error)
        case anthropic.APITimeoutError() | httpx2.TimeoutException():
            return SilentTooLong(str(error))
        case anthropic.APIConnectionError() | httpx2.TransportError() | httpx2.StreamError() | httpx2.InvalidURL():
            return Disconnected(f"{error} {error.__cause__ or ''}".strip())
        case anthropic.AnthropicError() | httpx2.HTTPError() | msgspec.DecodeError():
            return Garbled(str(error))
        case _:
            return None


def _refusal(error: "APIStatusError") -> ProviderError:
    detail = error.api_message or error.response.text[:500]
    kind = kind_of_error(error.status_code, f"{error.type} {error.error_code} {detail}")
    return kind(detail, status=error.status_code, retry_after_s=retry_after_s(error.response.headers))


def refusal_in_stream(kind: str, message: str) -> ProviderError:
    return kind_of_error(None, f"{kind} {message}")(message)


def ended_too_soon(stray: bytes) -> ProviderError:
    if stray:
        return Garbled(f"this is no event stream: {stray[:200].decode(errors='replace')}")
    return Garbled("the answer ended without its last event")
