"""Requests whose answer is decided at once: one visit to a lane each.

Django's asynchronous chain visits the thread twice per middleware, some twenty times per page, which was half of what a
page cost and made fifty first tokens wait for each other. So pages take the synchronous chain as a whole. Streams do,
too: what waits is only their body, an asynchronous generator. Static files are left to the asynchronous chain.
"""

import asyncio
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from chatsite.lanes import Application, Receive, Scope, Send, in_database
from chatsite.requests import let_go

# Django would visit the lane for them before and after each request; `in_database` does what they are for.
for needless in (close_old_connections, reset_queries):
    request_started.disconnect(needless)
request_finished.disconnect(close_old_connections)

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

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As Django's, but only streams are watched for clients that leave, and nothing is closed in a lane."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with closing(body):
            set_script_prefix(get_script_prefix(scope))
            await request_started.asend(sender=self.__class__, scope=scope)
            request, refusal = self.create_request(scope, body)
            response: Any = await self._respond(request) if request else refusal
            response._handler_class = self.__class__
            try:
                if response.streaming:
                    await self._stream(response, receive, send)
                else:
                    await self.send_response(response, send)
            finally:
                response.close()
                if request:
                    let_go(request)

    async def _stream(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Send it until its end, or until the client leaves."""
        try:
            async with asyncio.TaskGroup() as tasks:
                leaving = tasks.create_task(self.listen_for_disconnect(receive))
                await self.send_response(response, send)
                leaving.cancel()
        except BaseExceptionGroup as failed:
            for error in failed.exceptions:
                if not isinstance(error, RequestAborted):
                    raise error from None


def split(pages: Application, files: Application) -> Application:
    """Static files go to `files`, everything else to `pages`."""
    static = f"/{settings.STATIC_URL.lstrip('/')}"

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        await (files if scope["path"].startswith(static) else pages)(scope, receive, send)

    return routed
