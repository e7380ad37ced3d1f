"""Whether a process is the only one on its data folder: then whatever earlier ones left running is dead for sure."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from conversations.generating.sweep import sweep_earlier_boots


def begin_with_a_clean_table() -> None:
    """End the runs that earlier processes left behind, if this one is the only one.

    On PostgreSQL there may be others on other machines: there a run is dead when its lease is over.
    """
    with presence(settings.DATA_DIR) as alone:
        if alone and settings.SQLITE:
            sweep_earlier_boots()
            connection.close()


@contextmanager
def presence(folder: Path) -> Iterator[bool]:
    """Be present from now on. Gives whether nobody else is; within the block nobody else begins to be.

    The lock is kept for as long as the process lives; the kernel lets go of it however that ends.
    """
    door = os.open(folder / "processes.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        alone = True
    except BlockingIOError:
        fcntl.flock(door, fcntl.LOCK_SH)
        alone = False
    try:
        yield alone
    finally:
        fcntl.flock(door, fcntl.LOCK_SH)
