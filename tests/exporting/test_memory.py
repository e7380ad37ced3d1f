"""Memory stays flat: an export of eight times as much takes as much. At size: `python -m tests.bench.exports`."""

import gc
import tracemalloc

import pytest

from conversations.exporting import job as jobs
from conversations.exporting import reading
from conversations.models import ExportJob
from tests.bench.export_rows import seed
from tests.exporting.exported import begun, done, person

pytestmark = pytest.mark.django_db
SMALL, LARGE = 100, 800
# What Python has not collected yet; the texts that were read are three times as much.
GARBAGE = 1_500_000


def most_used(job: ExportJob) -> int:
    """Peak of what Python took during the export, in bytes."""
    gc.collect()
    tracemalloc.start()
    jobs.run(job.pk)
    peak: int = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("format_name", ExportJob.Format.values)
def test_memory_does_not_grow_with_the_history(format_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_CHARACTERS", 50_000)
    person("alice")
    seed(SMALL)
    done(begun(format_name))  # caches are filled
    small = most_used(begun(format_name))
    seed(LARGE - SMALL, seed_number=2)
    large = most_used(begun(format_name))

    print(f"{format_name}: {small:,} and {large:,} bytes")
    assert large < small + GARBAGE
