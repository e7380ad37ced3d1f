"""A process is in the groups that somebody in it listens to, and in no other, however long the layer takes."""

import asyncio
import os
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis
from channels.layers import get_channel_layer

from conversations.streaming.news import listen, stop_listening
from tests.proxy import proxying
from tests.servers import wait_for

GROUP = f"slow-{uuid4()}"


@pytest.mark.skipif("TEST_REDIS_URL" not in os.environ, reason="TEST_REDIS_URL is not set: no Redis to try")
async def test_a_group_is_left_even_if_the_layer_was_too_slow_at_first(settings: Any) -> None:
    url = urlsplit(os.environ["TEST_REDIS_URL"])
    with redis.Redis.from_url(url.geturl()) as server:
        async with proxying(url.port or 6379) as proxy:
            hosts = [{"address": f"redis://127.0.0.1:{proxy.port}{url.path}", "socket_timeout": None}]
            layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": hosts}}
            settings.CHANNEL_LAYERS = {"default": layer}
            await listen(GROUP, lambda news: None)
            await subscribed(server, 1)

            proxy.delay(3)
            busy = asyncio.create_task(get_channel_layer().group_send("another-group", {}))
            await asyncio.sleep(0)
            await stop_listening(GROUP)
            proxy.delay(0)
            await busy

            await subscribed(server, 0)
            await get_channel_layer().flush()


async def subscribed(server: redis.Redis, times: int) -> None:
    group = f"asgi__group__{GROUP}"
    await asyncio.to_thread(wait_for, lambda: server.pubsub_numsub(group) == [(group.encode(), times)])
