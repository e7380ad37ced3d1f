"""What both OpenAI APIs share: error bodies, the list of models, and the headers of an answer."""

from collections.abc import Iterable
from typing import Any

import msgspec

# by status: type, code and message
ERRORS = {
    400: ("invalid_request_error", None, "This request cannot be answered as it stands."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "unsupported_country_region_territory", "Your project may not use this model."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", "server_error", "The server had an error processing your request. Sorry about that!"),
    503: ("server_error", "server_is_overloaded", "The server is currently overloaded. Please try again later."),
}


def error_object(status: int, message: str = "") -> dict[str, Any]:
    kind, code, usual = ERRORS.get(status) or ERRORS[503 if status > 500 else 400]
    return {"type": kind, "code": code, "message": message or usual, "param": None}


def error_body(status: int, message: str = "") -> bytes:
    return msgspec.json.encode({"error": error_object(status, message)})


def models_list(names: Iterable[str]) -> bytes:
    models = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "simulator"} for name in names]
    return msgspec.json.encode({"object": "list", "data": models})


def request_headers(number: int) -> dict[str, str]:
    return {"content-type": "text/event-stream; charset=utf-8", "x-request-id": f"req_sim{number}"}
