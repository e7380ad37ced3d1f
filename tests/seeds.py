"""Where random tests begin: anywhere, and said so; with TEST_SEED always there.

CI sets it, because what is checked before a landing must not hang on luck. Nobody else does: so they find new places.
"""

import os
from random import SystemRandom


def drawn_seed() -> int:
    """Printed, so that what fails can be run again: `TEST_SEED=<it> make test`."""
    seed = int(os.environ.get("TEST_SEED") or SystemRandom().randrange(1, 10**6))
    print(f"seed {seed}")
    return seed
