"""Requests: each has an id, which its log lines carry and its response names; a line for each of them on request."""

import logging
import re
import secrets
from collections.abc import Callable
from functools import partial
from inspect import iscoroutinefunction
from time import monotonic
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from chatsite.logs import Ids, speak_of

access = logging.getLogger("chatsite.access")

# Where `ids_of` looks.
IDS_ARE_IN = ("_cached_user", "_acached_user", "user_key", "resolver_match")
# What a proxy may have called it; anything else is replaced.
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")


@sync_and_async_middleware
def named_requests(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """The id is taken from the proxy's X-Request-ID or made, and given back in the response's.

    It stays in the context after the response is there: errors are logged later, and streams go on. Each request has a
    context of its own.
    """

    def begin(request: HttpRequest) -> tuple[str, float]:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if WELL_FORMED.fullmatch(given) else secrets.token_hex(8)
        speak_of(partial(ids_of, request, request_id))
        return request_id, monotonic()

    def end(request: HttpRequest, response: HttpResponseBase, request_id: str, began: float) -> HttpResponseBase:
        response["X-Request-ID"] = request_id
        if settings.ACCESS_LOG:
            log_access(request, response, monotonic() - began)
        return response

    if iscoroutinefunction(get_response):

        async def waiting(request: HttpRequest) -> HttpResponseBase:
            named = begin(request)
            return end(request, await get_response(request), *named)

        return waiting

    def page(request: HttpRequest) -> HttpResponseBase:
        named = begin(request)
        return end(request, get_response(request), *named)

    return page


def ids_of(request: HttpRequest, request_id: str) -> Ids:
    """What is known by now of who asks for what. Nothing is looked up for it."""
    ids = {"request": request_id}
    user = getattr(request, "_cached_user", None) or getattr(request, "_acached_user", None)
    if user_key := user.pk if user else getattr(request, "user_key", None):
        ids["user"] = str(user_key)
    found = request.resolver_match.kwargs if request.resolver_match else {}
    for name in ("conversation", "generation", "export"):
        if f"{name}_id" in found:
            ids[name] = str(found[f"{name}_id"])
    if "message_id" in found:
        ids["message_id"] = str(found["message_id"])
    return ids


def let_go(request: HttpRequest) -> None:
    """It is answered: from now on only log lines ask it for something, and that is its ids.

    What middleware has put into it refers to it again: all of it would stay until the garbage collector comes.
    """
    known = vars(request)
    kept = {name: known[name] for name in IDS_ARE_IN if name in known}
    known.clear()
    known.update(kept)


def log_access(request: HttpRequest, response: HttpResponseBase, took_s: float) -> None:
    """Its address as in urls.py, so without anything from the query; of a stream the time until it began."""
    route = f"/{request.resolver_match.route}" if request.resolver_match else "-"
    fields = {"method": request.method, "route": route, "status": response.status_code, "ms": round(took_s * 1000, 1)}
    access.info("%s %s %s in %s ms", *fields.values(), extra={"fields": fields})
