"""What Google refuses and how. https://ai.google.dev/gemini-api/docs/troubleshooting

A 429 is a limit per minute (RateLimited) unless a quota per day is used up, which no wait of ours outlasts
(QuotaExhausted): Google says "You exceeded your current quota, please check your plan and billing" for both.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from providers.errors import (
    Disconnected,
    Garbled,
    KeyRejected,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    SilentTooLong,
)
from providers.upstream import retry_after_s
from providers.wire_errors import kind_of_error


def to_our_error(error: Exception) -> ProviderError | None:
    """The SDK lets what its HTTP library raises through as it is."""
    import httpx2
    import pydantic
    from google.genai.errors import APIError

    match error:
        case APIError():
            return refusal(error.details, status=error.code, headers=getattr(error.response, "headers", {}))
        case httpx2.TimeoutException():
            return SilentTooLong(str(error))
        case httpx2.TransportError() | httpx2.StreamError() | httpx2.InvalidURL():
            return Disconnected(str(error))
        case msgspec.DecodeError() | httpx2.HTTPError():
            return Garbled(str(error))
        case pydantic.ValidationError():
            return RequestRefused(str(error))
        case _:
            return None


def refusal(wire: Any, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> ProviderError:
    """`wire` is the JSON object that Google refuses with, or what the SDK made of one that is not JSON."""
    error = _object(_object(wire).get("error") or wire)
    code = error.get("code")
    status = status or (code if isinstance(code, int) else None)
    message = str(error.get("message") or wire)[:2000]
    details = _objects(error.get("details"))
    kind = _kind(status, f"{error.get('status')} {message}", details)
    wait_s = retry_after_s(headers or {})
    return kind(message, status=status, retry_after_s=_wait_s(details, message) if wait_s is None else wait_s)


def _object(wire: Any) -> dict[str, Any]:
    return wire if isinstance(wire, dict) else {}


def _objects(wire: Any) -> list[dict[str, Any]]:
    return [entry for entry in wire if isinstance(entry, dict)] if isinstance(wire, list) else []


def _kind(status: int | None, words: str, details: list[dict[str, Any]]) -> type[ProviderError]:
    if any(str(detail.get("reason")).startswith("API_KEY_") for detail in details):
        return KeyRejected
    if status == 429:
        return QuotaExhausted if _is_daily(details) else RateLimited
    if status == 499:
        return Disconnected
    return kind_of_error(status, words)


def _is_daily(details: list[dict[str, Any]]) -> bool:
    violations = [violation for detail in details for violation in _objects(detail.get("violations"))]
    return any("PerDay" in str(violation.get("quotaId")) for violation in violations)


def _wait_s(details: list[dict[str, Any]], message: str) -> float | None:
    """From `google.rpc.RetryInfo`, or from the words "Please retry in 48.9s."."""
    delays = [str(detail["retryDelay"]) for detail in details if "retryDelay" in detail]
    found = re.search(r"(\d+(?:\.\d+)?)s", delays[0]) if delays else re.search(r"retry in (\d+(?:\.\d+)?)s", message)
    return float(found[1]) if found else None
