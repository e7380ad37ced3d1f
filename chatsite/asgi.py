"""The ASGI application: lanes around Django, a clean table at the start, a drain at the end."""

import asyncio
import os
import sys
import threading
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from django.conf import settings
from django.db import connection

from chatsite.lanes import in_lanes
from chatsite.pages import PageHandler, split
from conversations.generating.offer import warm_up
from conversations.generating.run import drain
from conversations.generating.sweep import sweep_earlier_boots


def clean_up_after_earlier_process() -> None:
    """End the runs that an earlier life of this process left behind, if it is the only one."""
    if settings.SINGLE_PROCESS:
        sweep_earlier_boots()
        connection.close()


def drain_when_daphne_stops() -> None:
    """Daphne drops everything on SIGTERM; its reactor waits for what is done before the shutdown."""
    reactor = sys.modules.get("twisted.internet.reactor")
    if reactor is not None:
        reactor.addSystemEventTrigger("before", "shutdown", drained)


def drained() -> Any:
    from twisted.internet.defer import Deferred

    return Deferred.fromFuture(asyncio.ensure_future(drain(settings.DRAIN_S)))


# A server may import this file inside its event loop, where Django refuses database work: hence the thread.
_cleaning = threading.Thread(target=clean_up_after_earlier_process)
_cleaning.start()
_cleaning.join()

# SDKs take seconds to import: not at the cost of the first question, nor of the start.
threading.Thread(target=warm_up, daemon=True).start()

drain_when_daphne_stops()

application = in_lanes(split(PageHandler(), django_application))
