"""Tells other processes what runs of this one have written, for as long as somebody there watches them."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

from chatsite.lanes import OneTask
from conversations.models.generation import BOOT_ID
from conversations.streaming.hub import HUBS, Hub
from conversations.streaming.news import News, ensure_listening, tell

# How often new text is told; half of a viewer's fastest pace.
TICK_S = 0.04
# A follower hears of a silent run this often, so that it need not ask the database.
ALIVE_EVERY_S = 1.0
# A follower that has not asked again for so long is gone (follower.ASKS_EVERY_S).
FOLLOWED_FOR_S = 15.0


def run_group(run: UUID) -> str:
    return f"run.{run}"


def owner_group(boot_id: str) -> str:
    return f"follow.{boot_id}"


@dataclass
class Told:
    """What the followers of one run know: of each part so many characters. They are there until `until_s`."""

    until_s: float
    lengths: list[int]
    note: str = ""
    last_s: float = field(default_factory=monotonic)

    def news_of(self, hub: Hub) -> News | None:
        """What has come since; None when there is nothing to say yet."""
        pieces = [
            {"part": index, "kind": part.kind, "data": part.data, "start": known, "text": part.since(known)}
            for index, part in enumerate(hub.source)
            if (known := self._known(index)) < part.length or index >= len(self.lengths)
        ]
        if not pieces and hub.note == self.note and monotonic() - self.last_s < ALIVE_EVERY_S:
            return None
        return {"pieces": pieces, "note": hub.note}

    def took(self, news: News) -> None:
        """The layer has taken `news`: what is told next goes on from there."""
        for piece in news["pieces"]:
            known = piece["start"] + len(piece["text"])
            self.lengths[piece["part"] : piece["part"] + 1] = [known]
        self.note, self.last_s = news["note"], monotonic()

    def _known(self, index: int) -> int:
        return self.lengths[index] if index < len(self.lengths) else 0


_followed: dict[UUID, Told] = {}


def ensure_publishing() -> None:
    """Hear who wants to follow the runs of this process. Called when one starts."""
    ensure_listening(owner_group(BOOT_ID), asked_for)


def asked_for(news: News) -> None:
    """A follower has so much of a run and wants what comes after it; also its sign that it is still there."""
    run, until_s = UUID(news["run"]), monotonic() + FOLLOWED_FOR_S
    told = _followed.get(run)
    if told is None:
        _followed[run] = Told(until_s, news["lengths"])
    else:
        told.until_s, told.lengths = until_s, min(told.lengths, news["lengths"])
    PUBLISHER.ensure()


async def publish() -> None:
    """Tell followers what is new, as long as there are any."""
    while _followed:
        for run, told in list(_followed.items()):
            await tell_of(run, told)
        await asyncio.sleep(TICK_S)


PUBLISHER = OneTask(publish)


async def tell_of(run: UUID, told: Told) -> None:
    hub = HUBS.of_run(run)
    if hub is None or monotonic() > told.until_s:
        del _followed[run]
        if hub is None:
            await tell(run_group(run), {"ended": True})
    elif (news := told.news_of(hub)) and await tell(run_group(run), news):
        told.took(news)
