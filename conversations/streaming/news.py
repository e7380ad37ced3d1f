"""News: what processes tell each other about runs. The only place that knows the channel layer.

News only make things happen sooner. Text that is not told is read from the database, a stop stands in the run's row.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from channels.layers import get_channel_layer

from chatsite.lanes import OneTask, start_task
from conversations.models.generation import BOOT_ID

log = logging.getLogger(__name__)

type News = dict[str, Any]
type Listener = Callable[[News], None]

# Nobody waits for longer for a layer that does not answer; then it is left alone for a while.
PATIENCE_S = 1.0
RESTS_S = 2.0

CHANNEL = f"process.{BOOT_ID}"

_listeners: dict[str, Listener] = {}
_rests_until_s = 0.0
_starting = asyncio.Lock()


async def tell(group: str, news: News) -> bool:
    """Tell all processes that listen to `group`; whether the layer took it. Never raises, never waits for long."""
    return await reached(lambda: get_channel_layer().group_send(group, {**news, "group": group}))


async def listen(group: str, hear: Listener) -> None:
    """From now on `hear` is called with what is told to `group`. While the layer is away, that is tried again."""
    _listeners[group] = hear
    await ensure_receiving()
    await settle(group)


def ensure_listening(group: str, hear: Listener) -> None:
    """The same in the background, once, for as long as the process lives."""
    if group not in _listeners:
        _listeners[group] = hear
        start_task(listen(group, hear))


async def stop_listening(group: str) -> None:
    _listeners.pop(group, None)
    await settle(group)


async def ensure_receiving() -> None:
    async with _starting:
        if RECEIVER.ensure():
            # Its first step makes the channel that joins groups.
            await asyncio.sleep(0)


async def settle(group: str) -> None:
    """Join or leave it. What the layer does not do now is tried again: it would keep a group that nobody leaves."""
    if not await settled(group):
        start_task(keep_settling(group))


async def keep_settling(group: str) -> None:
    while True:
        await asyncio.sleep(RESTS_S)
        if await settled(group):
            return


async def settled(group: str) -> bool:
    """Whether this process is in `group` exactly if somebody here listens."""
    wanted = group in _listeners
    done = await reached(lambda: get_channel_layer().group_add(group, CHANNEL) if wanted else left(group))
    return done and wanted == (group in _listeners)


async def left(group: str) -> None:
    """A discard that was broken off is subscribed still, but known as left, and would do nothing: so join first."""
    await get_channel_layer().group_add(group, CHANNEL)
    await get_channel_layer().group_discard(group, CHANNEL)


async def receive() -> None:
    """Hand what comes to its listener, for as long as the process lives."""
    layer = get_channel_layer()
    while True:
        try:
            news = await layer.receive(CHANNEL)
            hear = _listeners.get(news["group"])
            if hear:
                hear(news)
        except Exception as error:
            log.warning("news could not be heard: %s", type(error).__name__)
            await asyncio.sleep(RESTS_S)


RECEIVER = OneTask(receive)


async def reached(work: Callable[[], Awaitable[Any]]) -> bool:
    """Whether the layer did the `work`. Once it did not, nobody waits for it again for a while."""
    global _rests_until_s
    if monotonic() < _rests_until_s:
        return False
    try:
        async with asyncio.timeout(PATIENCE_S):
            await work()
    except Exception as error:
        log.warning("the channel layer cannot be reached: %s", type(error).__name__)
        _rests_until_s = monotonic() + RESTS_S
        return False
    return True
