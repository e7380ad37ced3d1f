"""A process whose channel layer loses every third message and swaps neighbours."""

from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer

from chatsite.settings import *  # noqa: F403
from chatsite.settings import CHANNEL_LAYERS


class LossyLayer(RedisPubSubChannelLayer):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._number = 0
        self._late: list[dict[str, Any]] = []

    async def receive(self, channel: str) -> dict[str, Any]:
        if not self._late:
            self._late.append(await self._kept(channel))
            return await self._kept(channel)
        return self._late.pop()

    async def _kept(self, channel: str) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = await super().receive(channel)
            self._number += 1
            if self._number % 3:
                return message


CHANNEL_LAYERS["default"]["BACKEND"] = f"{__name__}.LossyLayer"
