"""Commands end when their work is done, whatever they have opened."""

import os
from pathlib import Path

import pytest

from tests.servers import manage, postgres_database
from tests.stopwatch import Stopwatch

# As long as the pool's threads need to settle in: until then they could be ended at any time.
WORK = "import time; from conversations.models import Generation; Generation.objects.exists(); time.sleep(1)"


@pytest.mark.skipif("TEST_POSTGRES_URL" not in os.environ, reason="TEST_POSTGRES_URL is not set")
def test_a_command_does_not_wait_for_the_threads_of_its_connections(template: Path) -> None:
    with postgres_database(os.environ["TEST_POSTGRES_URL"]) as url:
        watch = Stopwatch()
        manage(template, "shell", "--no-imports", "-c", WORK, DATABASE_URL=url)

    assert watch.took_s() < 5
