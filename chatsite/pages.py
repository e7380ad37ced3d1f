"""Requests that are answered at once: one visit to a lane each.

Django's asynchronous chain visits the thread twice per middleware, some twenty times per page, which was half of what a
page cost and made fifty first tokens wait for each other. So pages take the synchronous chain as a whole; only streams
and static files, which wait, take the asynchronous one.
"""

from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from chatsite.lanes import Application, Receive, Scope, Send

ONLY_ASYNCHRONOUS = "servestatic.middleware.ServeStaticMiddleware"


class PageHandler(ASGIHandler):
    """Django's handler with the synchronous middleware chain, without what serves files."""

    def load_middleware(self, is_async: bool = False) -> None:
        every = settings.MIDDLEWARE
        settings.MIDDLEWARE = [path for path in every if path != ONLY_ASYNCHRONOUS]
        try:
            super().load_middleware(is_async=False)
        finally:
            settings.MIDDLEWARE = every

    async def run_get_response(self, request: HttpRequest) -> Any:
        response: HttpResponseBase = await sync_to_async(self.get_response)(request)
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        return response


def split(pages: Application, waiting: Application) -> Application:
    """Streams and static files go to `waiting`, everything else to `pages`."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        waits = path.endswith("/stream") or path.startswith(f"/{settings.STATIC_URL.lstrip('/')}")
        await (waiting if waits else pages)(scope, receive, send)

    return routed
