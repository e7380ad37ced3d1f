"""The ASGI application: lanes around Django, a clean table at the start, a drain at the end."""

import os
import sys
import threading
from functools import partial

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from django.conf import settings

from chatsite.breaking_off import cut_off
from chatsite.deaf import without_the_deaf
from chatsite.downloads import unhurried
from chatsite.draining import DRAINING
from chatsite.lanes import Application, Receive, Scope, Send, in_lanes
from chatsite.lone import begin_with_a_clean_table
from chatsite.measuring import begin_measuring, watch_loop
from chatsite.pages import PageHandler, split
from chatsite.probes import probed
from conversations.generating.offer import begin_warm_up
from conversations.generating.run import drain
from conversations.streaming.viewer import close_streams

end = partial(drain, settings.DRAIN_S)


def with_an_end(application: Application) -> Application:
    """The application as uvicorn and granian start and end it (ASGI's lifespan), draining before it ends."""

    async def living(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        with DRAINING.request():
            await application(scope, receive, send)

    return living


async def live(receive: Receive, send: Send) -> None:
    assert (await receive())["type"] == "lifespan.startup"
    watch()
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    await DRAINING.over(end)
    await send({"type": "lifespan.shutdown.complete"})


def watch() -> None:
    """From the running loop of a process that serves."""
    DRAINING.watch_signals(end)
    watch_loop()


def begin_under_daphne() -> None:
    """Daphne has no lifespan: the same start, from its reactor's loop.

    When its sockets are closed it leaves at once: taking all modules apart first is most of a second of work.
    """
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is not None:
        reactor.callWhenRunning(reactor.callLater, 0, watch)
        leave = partial(reactor.addSystemEventTrigger, "after", "shutdown", os._exit, 0)
        DRAINING.at_closing.append(leave)


begin_measuring(settings.METRICS)

# A server may import this file inside its event loop, where Django refuses database work: hence the thread.
_cleaning = threading.Thread(target=begin_with_a_clean_table)
_cleaning.start()
_cleaning.join()

begin_warm_up()

DRAINING.at_closing.append(close_streams)
begin_under_daphne()

pages = cut_off(without_the_deaf(unhurried(in_lanes(split(PageHandler(), django_application)))))
application = with_an_end(probed(pages))
