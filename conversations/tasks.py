"""The Celery entry points, each a thin call."""

from collections.abc import Callable
from typing import Protocol, cast
from uuid import UUID

from celery import shared_task

from conversations.accounting import budgets, estimating, pricing, recompute
from conversations.accounting.alerts import delivering
from conversations.accounting.alerts import raising as alerts
from conversations.accounting.reports import rollups
from conversations.exporting import job as export_job
from conversations.generating.sweep import sweep_reservations, sweep_silent


class Task(Protocol):
    """What `chatsite.celery.SiteTask` makes of a function."""

    def __call__(self, *arguments: str) -> None: ...

    def delay_on_commit(self, *arguments: str) -> None: ...

    def offer(self, *arguments: str) -> bool: ...


def task(function: Callable[..., None]) -> Task:
    return cast(Task, shared_task(function))


@task
def sweep_dead_runs() -> None:
    sweep_silent()


@task
def run_export(job_id: str) -> None:
    export_job.run(UUID(job_id))


@task
def sweep_exports() -> None:
    for job_id in export_job.silent_jobs():
        run_export.offer(str(job_id))


@task
def expire_exports() -> None:
    export_job.expire()


@task
def price_unpriced() -> None:
    pricing.price_unpriced()


@task
def learn_token_ratios() -> None:
    estimating.learn_when_due()


@task
def work_on_recompute(recompute_id: str) -> None:
    recompute.work_on(UUID(recompute_id))


@task
def sweep_recomputes() -> None:
    recompute.work_on_abandoned()


@task
def check_alerts() -> None:
    if alerts.check():
        deliver_alerts.delay_on_commit()


@task
def deliver_alerts() -> None:
    delivering.deliver_due()


@task
def release_budgets() -> None:
    sweep_reservations()


@task
def recount_budgets() -> None:
    budgets.recount_present()


@task
def roll_up_usage() -> None:
    rollups.roll_up()
