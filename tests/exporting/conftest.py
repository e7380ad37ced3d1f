from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def folder_of_exports(settings: Any, tmp_path: Path) -> Path:
    """Exports of a test are its own, and nobody is too fast."""
    settings.RUNS_PER_USER = settings.MESSAGES_PER_MINUTE = 10_000
    settings.EXPORT_DIR = tmp_path / "exports"
    return tmp_path
