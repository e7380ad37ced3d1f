"""As much of HTTP/1.1 as three SDKs need: a request with a body of known length; a whole or a chunked response."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

LAST_CHUNK = b"0\r\n\r\n"
KEY_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes

    def redacted_headers(self) -> dict[str, str]:
        """Keys keep their last four characters: enough to tell two test keys apart."""
        return {name: f"...{value[-4:]}" if name in KEY_HEADERS else value for name, value in self.headers.items()}


def take_request(received: bytearray) -> HttpRequest | None:
    """Remove the first request from what was received; None while it is incomplete."""
    head_end = received.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    request_line, *lines = received[:head_end].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    end = head_end + 4 + int(headers.get("content-length", 0))
    if len(received) < end:
        return None
    body = bytes(received[head_end + 4 : end])
    del received[:end]
    method, target, _ = request_line.split(" ")
    url = urlsplit(target)
    return HttpRequest(method, unquote(url.path), dict(parse_qsl(url.query)), headers, body)


def response_head(status: int, headers: Mapping[str, str]) -> bytes:
    reason = HTTPStatus(status).phrase if status in HTTPStatus else "Status"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def whole_response(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    return response_head(status, {**headers, "content-length": str(len(body))}) + body


def chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)
