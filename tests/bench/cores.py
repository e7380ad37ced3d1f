"""Which core does what. What a process starts inherits its core."""

import contextlib
import os
from collections.abc import Iterator

SERVER_CORE, LOAD_CORE = 0, 1


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Everything started within the block runs there; on a machine with one core, where it can."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core} & before or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
