"""A recompute whose worker is killed in the middle is finished by the next, to the cent; and so is taking it back."""

import os
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.processes import Forked, end
from tests.servers import Site, environment, manage, postgres_database, wait_for

ROWS = 1_500
WRONG, RIGHT = Decimal("0.001"), Decimal("0.002")

CALLS = f"""
from datetime import timedelta
from uuid import uuid4
from django.utils import timezone
from conversations.accounting.recompute import count
from conversations.models import ModelPrice, Recompute, UsageRecord
now = timezone.now()
UsageRecord.objects.bulk_create(
    [
        UsageRecord(
            created_at=now - timedelta(days=1), user_key=1, conversation_key=uuid4(), provider="sim",
            model_asked="sim:model", purpose="answer", outcome="complete", fresh_input=1000, cache_read=0,
            cache_write=0, output=0, reasoning=0, confidence="reported", cost_usd="{WRONG}",
        )
        for _ in range({ROWS})
    ],
    batch_size=500,
)
ModelPrice.objects.create(model="sim:model", fresh_input=2, output=2, effective_from=now - timedelta(days=9))
recompute = Recompute.objects.create(model="sim:model", begins_at=now - timedelta(days=9), ends_at=now, reason="Test")
count(recompute)
assert recompute.apply(None)
"""
TAKE_BACK = "from conversations.models import Recompute\nassert Recompute.objects.get().take_back(None)"
SWEEP = """
from conversations.accounting.recompute import work_on_abandoned
from conversations.models import Recompute
Recompute.objects.update(heartbeat_at="2026-01-01T00:00:00Z")
work_on_abandoned()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Iterator[Site]:
    """A database of one's own; no server runs."""
    folder = tmp_path / "site"
    shutil.copytree(template, folder)
    if request.param == "sqlite":
        yield Site(folder)
    elif server := os.environ.get("TEST_POSTGRES_URL"):
        with postgres_database(server) as url:
            yield Site(folder, {"DATABASE_URL": url})
    else:
        pytest.skip("TEST_POSTGRES_URL is not set")


def run(home: Site, script: str) -> None:
    manage(home.data_dir, "shell", "--no-imports", "-c", script, **home.settings)


def killed_midway(home: Site, script: str, reverses: bool) -> None:
    """Run it in a process of its own, and kill -9 that once some corrections are booked."""
    command = ["manage", "shell", "--no-imports", "-c", script]
    process = Forked(command, environment(home.data_dir, **home.settings), home.data_dir / "killed.log")
    try:
        wait_for(lambda: corrections(home, reverses) > 0)
    finally:
        end(process)
    assert 0 < corrections(home, reverses) < ROWS


def corrections(home: Site, reverses: bool) -> int:
    sql = "SELECT count(*) FROM conversations_correction WHERE reverses = ?"
    return int(home.rows(sql, reverses)[0][0])


def total(home: Site) -> Decimal:
    return round(Decimal(str(home.rows("SELECT sum(cost_usd) FROM conversations_usagerecord")[0][0])), 6)


def test_what_a_killed_worker_has_not_booked_is_booked_by_the_next_once(home: Site) -> None:
    run(home, CALLS)

    killed_midway(home, SWEEP, reverses=False)
    run(home, SWEEP)
    assert home.rows("SELECT status FROM conversations_recompute") == [("applied",)]
    assert (corrections(home, False), total(home)) == (ROWS, ROWS * RIGHT)

    run(home, TAKE_BACK)
    killed_midway(home, SWEEP, reverses=True)
    run(home, SWEEP)
    assert home.rows("SELECT status FROM conversations_recompute") == [("reversed",)]
    assert (corrections(home, True), total(home)) == (ROWS, ROWS * WRONG)
