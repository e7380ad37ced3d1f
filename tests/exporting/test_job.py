"""Jobs survive their workers, lose nothing, double nothing, and end when they are told to."""

import errno
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as site
from django.db.models.functions import Now

from conversations.exporting import job as jobs
from conversations.exporting import reading
from conversations.exporting.links import LinkExpired, LinkInvalid, check, link_to
from conversations.models import AuditEntry, Conversation, ExportJob
from tests.exporting.exported import begun, branched, done, lines, members, path_of, person

pytestmark = pytest.mark.django_db
FORMATS = ExportJob.Format.values


class Killed(BaseException):
    """What kill -9 is to a test in one process: nothing of the job's own code runs afterwards."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two conversations a batch, so that there is an in-between."""
    monkeypatch.setattr(reading, "MOST_CONVERSATIONS", 2)


@pytest.fixture
def history() -> list[Conversation]:
    return [branched(name, f"Question {number}") for number in range(7) for name in ("alice",)]


def fallen_silent(job: ExportJob) -> None:
    ExportJob.objects.filter(pk=job.pk).update(heartbeat_at=Now() - timedelta(seconds=60))


def work_and_die(job: ExportJob, after_conversations: int) -> None:
    """A worker that is gone after it has written so many conversations, wherever in a batch that is."""
    assert job.claim()
    spool, left = jobs.spool_of(job), after_conversations

    def alive() -> None:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1

    with pytest.raises(Killed):
        jobs.write(job, spool, alive)
    spool.flush()  # what the dead worker wrote beyond its checkpoint does reach the disk
    spool.close()
    fallen_silent(job)


def content_of(job: ExportJob) -> Any:
    """What an export says, without what is about this very job."""
    path = path_of(job)
    if path.suffix != ".zip":
        return path.read_bytes()
    inside = members(path)
    return {
        name: content for name, content in inside.items() if name not in ("manifest.json", "index.html", "index.md")
    }


# --- going on ---------------------------------------------------------------


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("deaths", [(3,), (1, 1, 4)])
def test_an_export_whose_workers_die_says_the_same_as_an_undisturbed_one(
    history: list[Conversation], format_name: str, deaths: tuple[int, ...]
) -> None:
    undisturbed = content_of(done(begun(format_name)))
    job = begun(format_name)
    for survived in deaths:
        work_and_die(job, survived)
    finished = done(job)

    assert content_of(finished) == undisturbed
    assert (finished.done, finished.messages) == (7, 35)


def test_pseudonyms_stay_the_same_when_another_worker_goes_on(history: list[Conversation]) -> None:
    job = begun("jsonl", pseudonymise=True)
    work_and_die(job, 3)
    owners = {line["owner"] for line in lines(path_of(done(job)).read_bytes())}

    assert len(owners) == 1


def test_a_worker_that_was_thought_dead_and_comes_back_spoils_nothing(history: list[Conversation]) -> None:
    job = begun("jsonl")
    assert job.claim()
    ghost, spool = job, jobs.spool_of(job)
    spool.append("messages.jsonl", b"from the ghost\n")
    fallen_silent(job)
    finished = done(ExportJob.objects.get(pk=job.pk))
    spool.append("messages.jsonl", b"again\n")
    written = spool.flush()
    spool.close()

    assert not ghost.checkpoint(history[0].pk, 1, 1, written)
    assert not ghost.finish("x", 1, "x")
    assert not ghost.fail("x")
    assert b"ghost" not in path_of(finished).read_bytes()
    assert ExportJob.objects.get(pk=job.pk).status == "done"


def test_two_workers_never_have_the_same_job() -> None:
    job = begun()

    assert job.claim()
    assert not ExportJob.objects.get(pk=job.pk).claim()


def test_a_job_runs_once_however_often_its_task_comes(history: list[Conversation]) -> None:
    job = done(begun())
    before = path_of(job).stat().st_mtime_ns
    jobs.run(job.pk)

    assert path_of(job).stat().st_mtime_ns == before


def test_a_job_whose_files_are_gone_begins_again(history: list[Conversation]) -> None:
    job = begun("jsonl")
    work_and_die(job, 5)
    jobs.delete_files(job.pk)

    assert len(lines(path_of(done(job)).read_bytes())) == 35


def test_conversations_that_are_deleted_meanwhile_are_simply_not_there(history: list[Conversation]) -> None:
    job = begun("jsonl")
    work_and_die(job, 3)
    history[-1].delete()
    finished = done(job)

    assert (finished.done, finished.total) == (6, 7)


def test_the_sweep_finds_jobs_nobody_is_at(history: list[Conversation]) -> None:
    waiting, running, silent = begun(), begun(), begun()
    assert running.claim()
    work_and_die(silent, 1)
    assert jobs.silent_jobs() == [silent.pk]
    fallen_silent(waiting)

    assert set(jobs.silent_jobs()) == {silent.pk, waiting.pk}
    assert jobs.silent_jobs() == [silent.pk]


def test_a_job_that_kills_every_worker_is_given_up(history: list[Conversation]) -> None:
    job = begun()
    for _ in range(5):
        assert job.claim()
        fallen_silent(job)

    assert jobs.silent_jobs() == []
    job.refresh_from_db()
    assert (job.status, job.error[:26]) == ("failed", "The export was begun sever")


# --- cancelling and failing -------------------------------------------------


def test_a_cancelled_job_stops_within_a_batch_and_leaves_nothing(
    history: list[Conversation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_CONVERSATIONS", 100)
    monkeypatch.setattr(jobs, "BEAT_EVERY_S", 0.0)
    job, written = begun(), []

    def cancelled_at_the_third(*_: Any) -> None:
        written.append(1)
        if len(written) == 3:
            assert jobs.cancel(ExportJob.objects.get(pk=job.pk), person())

    made = jobs.FORMATS[jobs.Name.ARCHIVE]
    monkeypatch.setitem(jobs.FORMATS, jobs.Name.ARCHIVE, type(made)(**{**vars(made), "write": cancelled_at_the_third}))
    jobs.run(job.pk)
    job.refresh_from_db()

    assert (job.status, len(written)) == ("cancelled", 3)
    assert not jobs.folder_of(job.pk).exists()


def test_a_job_is_cancelled_once_and_not_after_its_end(history: list[Conversation]) -> None:
    waiting, finished = begun(), done(begun())

    assert [jobs.cancel(waiting, person()), jobs.cancel(waiting, person()), jobs.cancel(finished, person())] == [
        True,
        False,
        False,
    ]
    assert AuditEntry.objects.filter(action="export_cancelled").count() == 1


def test_a_full_disk_is_told_to_whoever_asked(history: list[Conversation], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(jobs.Spool, "append", full)
    job = begun()
    with pytest.raises(OSError, match="No space"):
        jobs.run(job.pk)
    job.refresh_from_db()

    assert job.status == "failed"
    assert "no space left" in job.error
    assert not jobs.folder_of(job.pk).exists()


# --- whose, and for how long ------------------------------------------------


def test_a_job_of_ones_own_holds_nothing_of_others_whatever_its_filters_say() -> None:
    mine, other = branched("alice"), branched("bob")
    selection = jobs.Selection(user=other.owner_id, conversations=(mine.pk, other.pk))
    job = done(jobs.begin(mine.owner, selection, everybody=False, format="jsonl"))

    assert {line["conversation_id"] for line in lines(path_of(job).read_bytes())} == {str(mine.pk)}


def test_the_audit_log_says_who_began_what_and_why() -> None:
    job = jobs.begin(person(), jobs.Selection(words="bread"), everybody=True, reason="A request", format="csv")
    entry = AuditEntry.objects.get(action="export_begun")

    assert (entry.actor_name, entry.object_key, entry.reason) == ("carol", str(job.pk), "A request")
    assert entry.details == {"format": "csv", "filters": {"words": "bread"}, "pseudonymised": False}


def test_old_exports_expire_and_folders_without_a_job_go(history: list[Conversation]) -> None:
    old, kept, orphan = done(begun()), done(begun()), UUID(int=5)
    ExportJob.objects.filter(pk=old.pk).update(expires_at=Now() - timedelta(seconds=1))
    jobs.folder_of(orphan).mkdir()
    foreign = Path(site.EXPORT_DIR, "lost+found")
    foreign.mkdir()

    assert jobs.expire() == 1
    old.refresh_from_db()
    assert old.status == "expired"
    assert not jobs.folder_of(old.pk).exists()
    assert not jobs.folder_of(orphan).exists()
    assert path_of(kept).exists()
    assert foreign.exists()


def test_only_the_finished_file_is_kept_and_nobody_else_can_read_it(history: list[Conversation]) -> None:
    job = begun("html")
    work_and_die(job, 3)
    path = path_of(done(job))

    assert list(jobs.folder_of(job.pk).iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def key_of_carol() -> Iterator[tuple[ExportJob, str]]:
    job = begun()
    yield job, link_to(job, person()).partition("?key=")[2]


def test_a_link_is_for_one_person_and_one_export(key_of_carol: tuple[ExportJob, str]) -> None:
    job, key = key_of_carol
    check(job, person(), key)

    for wrong in [(job, person("bob"), key), (begun(), person(), key), (job, person(), key[:-1]), (job, person(), "")]:
        with pytest.raises(LinkInvalid):
            check(*wrong)


def test_a_link_expires(key_of_carol: tuple[ExportJob, str], settings: Any) -> None:
    job, key = key_of_carol
    settings.EXPORT_LINK_HOURS = -1

    with pytest.raises(LinkExpired):
        check(job, person(), key)
