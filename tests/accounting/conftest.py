from collections.abc import Iterator
from typing import Any

import pytest

from conversations.accounting.estimating import forget_ratios


@pytest.fixture(autouse=True)
def nobody_is_too_fast(settings: Any) -> None:
    """Tests of other things must not meet a limit."""
    settings.RUNS_PER_USER = settings.MESSAGES_PER_MINUTE = 10_000


@pytest.fixture(autouse=True)
def nothing_learned_before() -> Iterator[None]:
    """What one test has taught about tokens is not known to the next."""
    forget_ratios()
    yield
    forget_ratios()
