"""The Celery application: pricing, sweeps and other work that no reader waits for; docs/workers.md says what runs when.

A message to a worker only makes things happen sooner. Every task is idempotent, and a sweep finds what it would have
done, so a broker that is down, a worker that is killed or a message that is lost costs minutes, never work.
"""

import logging
import os
import time
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click
from celery import Celery, bootsteps
from celery.beat import Service
from celery.contrib.django.task import DjangoTask
from celery.signals import task_postrun, task_prerun, worker_init
from kombu.exceptions import KombuError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from chatsite.logs import speak_of
from chatsite.measuring import begin_measuring

if TYPE_CHECKING:
    Task = DjangoTask[..., Any]
else:
    Task = DjangoTask

log = logging.getLogger(__name__)

# After a broker could not be reached nobody waits for it again for so long.
BROKER_RESTS_S = 15.0
# A message that has waited longer than this is dropped: a sweep has done its work long since.
MESSAGE_LIFE_S = 3600
BEAT_RESTS_S = 5.0


class SiteTask(Task):
    """A task whose message may be lost. Errors of the database and of the network are tried again, with backoff."""

    autoretry_for = (OperationalError, InterfaceError, ConnectionError, TimeoutError)
    max_retries = 5
    retry_backoff = 2
    retry_backoff_max = 120
    retry_jitter = True

    _broker_rests_until_s = 0.0

    def delay_on_commit(self, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Hand the task to a worker after the commit. Never raises and never holds a request up for long."""
        transaction.on_commit(partial(self.offer, *args, **kwargs), robust=True)

    def offer(self, *args: Any, **kwargs: Any) -> bool:
        """Hand the task to a worker now; whether that worked. A broker that does not answer costs about two seconds,
        once: then all tasks are left to their sweeps for a while."""
        if time.monotonic() < SiteTask._broker_rests_until_s:
            return False
        try:
            self.apply_async(args, kwargs, expires=MESSAGE_LIFE_S)
        except (KombuError, OSError):
            SiteTask._broker_rests_until_s = time.monotonic() + BROKER_RESTS_S
            log.warning("the broker cannot be reached: %s waits for its sweep", self.name)
            return False
        return True


class Schedule(bootsteps.StartStopStep):
    """`worker --schedule`: the beat as a thread of this worker. Celery's own `--beat` is a second process, as large as
    the worker, that lives on and keeps sending when the worker is killed.

    It begins with everything there is on the schedule: who knows what the last worker left.
    """

    def __init__(self, parent: Any, schedule: bool = False, **options: Any) -> None:
        super().__init__(parent, **options)
        self.enabled = schedule
        self.stopping = False
        self.service: Service | None = None

    def start(self, parent: Any) -> None:
        Thread(target=self.run, args=(parent.app,), name="schedule", daemon=True).start()

    def run(self, celery: Celery) -> None:
        while not self.stopping:
            try:
                for entry in celery.conf.beat_schedule.values():
                    celery.tasks[entry["task"]].apply_async(**entry["options"])
                self.service = Service(celery, max_interval=1)
                self.service.start()
            except Exception:
                log.exception("the schedule stumbled and starts again")
                time.sleep(BEAT_RESTS_S)

    def stop(self, parent: Any) -> None:
        self.stopping = True
        if self.service:
            self.service.stop()


app = Celery("chatsite", task_cls=SiteTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.user_options["worker"].add(click.Option(["--schedule"], is_flag=True, help="Run the schedule in this worker."))
app.steps["worker"].add(Schedule)


def broker_answers() -> bool:
    """Whether a message could be sent now. Raises or takes its time when it cannot: to be asked in a thread."""
    if folder := app.conf.broker_transport_options.get("data_folder_out"):
        return os.access(folder, os.W_OK)
    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=0)
    return True


@task_prerun.connect
def speak_of_task(task_id: str, **_: Any) -> None:
    speak_of(lambda: {"task": task_id})


@task_postrun.connect
def speak_of_nothing(**_: Any) -> None:
    speak_of(dict)


@worker_init.connect
def measure_worker(**_: Any) -> None:
    begin_measuring(settings.WORKER_METRICS)
    if settings.WORKER_METRICS:
        from chatsite.metrics import count_task

        task_postrun.connect(count_task)


@worker_init.connect
def drop_old_messages(**_: Any) -> None:
    """Keep the folder of the filesystem broker small: nobody else deletes what was sent while no worker ran."""
    folder = app.conf.broker_transport_options.get("data_folder_in")
    if not folder:
        return
    oldest = time.time() - MESSAGE_LIFE_S
    for message in Path(folder).iterdir():
        if message.stat().st_mtime < oldest:
            message.unlink(missing_ok=True)
