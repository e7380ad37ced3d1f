"""Requests whose answer is decided at once: one visit to a lane each.

Django's asynchronous chain visits the thread twice per middleware, some twenty times per page, which was half of what a
page cost and made fifty first tokens wait for each other. So pages take the synchronous chain as a whole. Streams do,
too: what waits is only their body, an asynchronous generator. Static files are left to the asynchronous chain.
"""

from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from chatsite.lanes import Application, Receive, Scope, Send, in_database

# Django would visit the lane for them before each request; `in_database` does what they are for.
for needless in (close_old_connections, reset_queries):
    request_started.disconnect(needless)

ONLY_ASYNCHRONOUS = "servestatic.middleware.ServeStaticMiddleware"


class PageHandler(ASGIHandler):
    """Django's handler with the synchronous middleware chain, without what serves files."""

    def __init__(self) -> None:
        super().__init__()
        self._respond = in_database(self.get_response)

    def load_middleware(self, is_async: bool = False) -> None:
        every = settings.MIDDLEWARE
        settings.MIDDLEWARE = [path for path in every if path != ONLY_ASYNCHRONOUS]
        try:
            super().load_middleware(is_async=False)
        finally:
            settings.MIDDLEWARE = every

    async def run_get_response(self, request: HttpRequest) -> Any:
        response: HttpResponseBase = await self._respond(request)
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        return response


def split(pages: Application, files: Application) -> Application:
    """Static files go to `files`, everything else to `pages`."""
    static = f"/{settings.STATIC_URL.lstrip('/')}"

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        await (files if scope["path"].startswith(static) else pages)(scope, receive, send)

    return routed
