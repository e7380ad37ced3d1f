"""A short soak of one process on SQLite; `make soak` is the long one, also of two on PostgreSQL and Redis."""

from pathlib import Path

import pytest

from tests.seeds import drawn_seed
from tests.soak.held import Held, left_over
from tests.soak.soaking import Soak

WARM_UP, CYCLES, PEOPLE = 16, 32, 8


@pytest.mark.slow
def test_after_many_stories_the_server_holds_what_it_held_before(template: Path, tmp_path: Path) -> None:
    """Of memory a little more: so few cycles do not fill all caches. With one API, whose SDK is soon imported."""
    soak = Soak(drawn_seed(), people=PEOPLE, apis=("sim",), more_memory=0.06)
    wrong = soak.run(template, tmp_path, range(WARM_UP), range(WARM_UP, WARM_UP + CYCLES))

    print(f"seed {soak.seed}", soak.before, soak.after, sep="\n")
    assert not wrong, "\n\n".join(wrong)


def test_what_is_more_than_before_is_told() -> None:
    before = Held({"tasks": 2, "threads": 9}, {"process 1": 100.0})

    assert left_over(before, Held({"tasks": 2, "threads": 8}, {"process 1": 101.9}), more_memory=0.02) == []
    assert left_over(before, Held({"tasks": 3, "threads": 9}, {"process 1": 102.1}), more_memory=0.02) == [
        "tasks: 2 -> 3",
        "memory of process 1: 100.0 -> 102.1 MB",
    ]
