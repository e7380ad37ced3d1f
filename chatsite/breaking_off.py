"""Responses that break off: something failed when the first bytes were out already.

uvicorn and granian close the connection then, and whoever listens comes back. Daphne would send an error page behind
what is there, fail in that, and from then on forget none of its connections: all of them would stay in memory.
"""

import logging

from chatsite.downloads import daphne_connection
from chatsite.lanes import Application, Receive, Scope, Send

log = logging.getLogger(__name__)


def cut_off(application: Application) -> Application:
    async def whole_or_cut(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await application(scope, receive, send)
        except Exception:
            connection = daphne_connection(send)
            # Whether the head is out; Twisted's own flag speaks of the first bytes behind it.
            if connection is None or not connection._response_started:
                raise
            log.exception("a response broke off")
            connection.loseConnection()

    return whole_or_cut
