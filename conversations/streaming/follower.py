"""A hub for a run that lives in another process: fed from the database, which is the truth."""

import asyncio
from uuid import UUID

from asgiref.sync import sync_to_async

from chatsite.lanes import start_task
from conversations.models import Generation, Part
from conversations.streaming.growing import GrowingPart
from conversations.streaming.hub import HUBS, Hub

POLL_S = 0.5


async def followed(generation: Generation) -> Hub:
    """The hub of `generation`, followed from here for as long as somebody here watches it."""
    if generation.pk not in HUBS:
        source: list[GrowingPart] = []
        hub = HUBS[generation.pk] = Hub(generation.message_id, generation.pk, source)
        await catch_up(generation.pk, source)
        hub.touch()
        start_task(follow_run(hub, source))
    return HUBS[generation.pk]


async def follow_run(hub: Hub, source: list[GrowingPart]) -> None:
    pulse = asyncio.create_task(hub.pulse())
    try:
        while not hub.ended:
            await asyncio.sleep(POLL_S)
            if not hub.readers:
                return
            if not await catch_up(hub.generation_id, source):
                hub.end()
            hub.touch()
    finally:
        pulse.cancel()
        del HUBS[hub.generation_id]


async def catch_up(generation_id: UUID, source: list[GrowingPart]) -> bool:
    """Append what the database has beyond `source`; False when the run has ended."""
    generation, parts = await sync_to_async(read_run)(generation_id)
    if generation is None or not generation.is_active:
        return False
    for index, part in enumerate(parts):
        if index == len(source):
            source.append(GrowingPart(part.kind, part.data))
        source[index].append(part.text[source[index].length :])
    return True


def read_run(generation_id: UUID) -> tuple[Generation | None, list[Part]]:
    """The run and its parts so far; ends it first when its process is gone."""
    generation = Generation.objects.select_related("message").filter(pk=generation_id).first()
    return generation, generation.saved_parts() if generation and generation.is_active else []
