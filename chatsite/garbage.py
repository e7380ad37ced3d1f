"""Python's garbage collector, which stops everything while it looks.

Most of what is no longer used is freed at once; only knots of references wait for the collector. When it looks through
all objects, every stream stands still: with twenty of them for the time between two frames, with two hundred for a
quarter of a second. So what was there at the start is left out for good, and the rest is looked through while few
answers are being written.
"""

import gc

FEW = 20
# Collections of young objects between two of all. Python's own number; and the one for a process that is always busy.
USUAL, RARE = 10, 50


def settle() -> None:
    """All that is there now stays: once a process has started."""
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, RARE)


def collect_if_due(running: int) -> None:
    """To be asked now and then, with the number of answers that are being written."""
    if running <= FEW and gc.get_count()[2] > USUAL:
        gc.collect()
