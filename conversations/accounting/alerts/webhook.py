"""Alerts for other programs: one signed POST, as the Standard Webhooks specification says (standardwebhooks.com).

`webhook-id` stays the same in every attempt. `webhook-signature` is "v1," and the base64 of an HMAC-SHA256 over
"{id}.{timestamp}.{body}"; the key is the secret's bytes, or what follows "whsec_" decoded from base64.
"""

import base64
import hashlib
import hmac
import json
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

TIMEOUT_S = 10
GONE = 410


class NotAccepted(Exception):
    """The receiver did not take it. `final`: it says that it never will."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class NoRedirects(HTTPRedirectHandler):
    """Whoever was given the address was given the secret for it, not for another."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


OPENER = build_opener(NoRedirects)


def signature(secret: str, key: str, timestamp: int, body: bytes) -> str:
    """The value of the header `webhook-signature`."""
    signed = f"{key}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret_bytes(secret), signed, hashlib.sha256)).decode()


def secret_bytes(secret: str) -> bytes:
    """Raises ValueError when it begins with whsec_ and what follows is not base64."""
    if secret.startswith("whsec_"):
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    return secret.encode()


def post(url: str, secret: str, key: str, timestamp: int, content: dict[str, Any]) -> None:
    """Send `content` as JSON; `timestamp` is this attempt's, in Unix seconds. Raises NotAccepted."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "chatsite",
        "webhook-id": key,
        "webhook-timestamp": str(timestamp),
    }
    if secret:
        headers["webhook-signature"] = signature(secret, key, timestamp, body)
    request = Request(url, body, headers, method="POST")  # noqa: S310 - a system check sees to http and https
    try:
        with OPENER.open(request, timeout=TIMEOUT_S):
            pass
    except HTTPError as error:
        error.close()
        raise NotAccepted(f"HTTP {error.code}", final=error.code == GONE) from None
    except (OSError, HTTPException) as error:
        raise NotAccepted(why(error)) from None


def why(error: Exception) -> str:
    """For people: "Connection refused"."""
    cause = getattr(error, "reason", error)
    return str(getattr(cause, "strerror", None) or cause) or type(cause).__name__
