"""`manage.py rungenerator`: writes the answers that web processes leave to it, so that their restarts cut none."""

import asyncio
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chatsite.draining import DRAINING
from chatsite.lanes import start_task
from chatsite.lone import begin_with_a_clean_table
from chatsite.measuring import begin_measuring, watch_loop
from conversations.generating.claiming import claim
from conversations.generating.offer import begin_warm_up
from conversations.generating.run import drain


class Command(BaseCommand):
    help = "Write the answers that web processes leave to processes like this one (CHAT_RUNS_IN=generators)."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.RUNS_IN_GENERATORS:
            raise CommandError(
                "Set CHAT_RUNS_IN=generators, here and for the web: now nothing is left to this process."
            )
        begin_measuring(settings.METRICS)
        begin_with_a_clean_table()
        uvloop.run(generate())


async def generate() -> None:
    """Claim runs until SIGTERM or SIGINT, then let them finish as a web process does."""
    begin_warm_up()
    watch_loop()
    claiming, drained = start_task(claim(DRAINING.began)), asyncio.Event()

    async def end(hurry: asyncio.Event) -> None:
        await claiming
        await drain(settings.DRAIN_S, hurry)

    DRAINING.watch_signals(end, drained.set)
    await claiming
    await drained.wait()
