from typing import Any

import pytest


@pytest.fixture(autouse=True)
def nobody_is_too_fast(settings: Any) -> None:
    """Tests of other things must not meet a limit."""
    settings.RUNS_PER_USER = settings.MESSAGES_PER_MINUTE = 10_000
