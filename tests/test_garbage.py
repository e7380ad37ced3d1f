"""The collector looks through all objects when that is due and few wait, and hardly ever by itself."""

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from chatsite.garbage import FEW, RARE, USUAL, collect_if_due, settle


class Knot:
    """Something that only the collector frees."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def old_knot() -> "ref[Knot]":
    """One that collections of younger objects have left alone."""
    knot = Knot()
    gc.collect(1)
    gc.collect(1)
    return ref(knot)


def test_it_looks_when_that_is_due_and_few_answers_are_written() -> None:
    gc.collect()
    knot = old_knot()

    collect_if_due(FEW)
    early = knot() is not None
    for _ in range(USUAL):
        gc.collect(1)
    collect_if_due(FEW + 1)
    busy = knot() is not None
    collect_if_due(FEW)

    assert (early, busy) == (True, True)
    assert knot() is None


def test_what_was_there_at_the_start_is_left_out() -> None:
    settle()

    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[2] == RARE
