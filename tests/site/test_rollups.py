"""Rolling up while others add rows, read reports or are killed: nothing is lost or counted twice."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom

import pytest

from tests.processes import Forked, end
from tests.seeds import drawn_seed
from tests.servers import environment, manage, postgres_database, wait_for

needs_postgres = pytest.mark.skipif("TEST_POSTGRES_URL" not in os.environ, reason="TEST_POSTGRES_URL is not set")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def database(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A data folder and the settings of a migrated database."""
    folder = tmp_path / "data"
    shutil.copytree(template, folder)
    if request.param == "sqlite":
        yield folder, {}
    else:
        with postgres_database(os.environ["TEST_POSTGRES_URL"]) as url:
            yield folder, {"DATABASE_URL": url}


def begin(database: tuple[Path, dict[str, str]], what: str) -> Forked:
    seed = drawn_seed()
    folder, settings = database
    command = ["tests.accounting.meanwhile", what, str(seed)]
    return Forked(command, environment(folder, **settings), folder / f"{what}.log")


def assert_sums_equal_rows(database: tuple[Path, dict[str, str]]) -> None:
    folder, settings = database
    assert begin(database, "roll").wait() == 0
    manage(folder, "rebuild_usage", "--check", **settings)


def test_rows_that_are_added_while_days_are_rolled_up_are_counted_once(database: tuple[Path, dict[str, str]]) -> None:
    # In SQLite whoever reads in a transaction keeps all others out.
    readers = ["read"] if "DATABASE_URL" in database[1] else []
    working = [begin(database, what) for what in ["write", "write", "roll", "roll", *readers]]

    assert [process.wait() for process in working] == [0] * len(working)
    assert_sums_equal_rows(database)


def test_a_worker_that_is_killed_while_it_rolls_up_leaves_nothing_half_done(
    database: tuple[Path, dict[str, str]],
) -> None:
    assert begin(database, "write").wait() == 0
    for times in (1, 2):
        worker = begin(database, "roll-on")
        told = database[0] / "roll-on.log"
        wait_for(lambda told=told, times=times: told.exists() and told.read_text().count("begun\n") == times)
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(SystemRandom().uniform(0.0, 0.5))
        end(worker)
        assert begin(database, "read").wait() == 0

    assert_sums_equal_rows(database)
