"""The Celery entry points, each a thin call."""

from celery import shared_task

from conversations.generating.sweep import sweep_silent


@shared_task
def sweep_dead_runs() -> None:
    sweep_silent()
