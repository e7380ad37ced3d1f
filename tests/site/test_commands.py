"""Commands end when their work is done, whatever they have opened."""

import os
from pathlib import Path
from time import time

import pytest

from tests.servers import manage, postgres_database

# Works as long as the pool's threads need to settle in, and says when it was done.
WORK = """
import time
from conversations.models import Generation
Generation.objects.exists()
time.sleep(1)
print(time.time())
"""


@pytest.mark.skipif("TEST_POSTGRES_URL" not in os.environ, reason="TEST_POSTGRES_URL is not set")
def test_a_command_does_not_wait_for_the_threads_of_its_connections(template: Path) -> None:
    with postgres_database(os.environ["TEST_POSTGRES_URL"]) as url:
        done_at = float(manage(template, "shell", "--no-imports", "-c", WORK, DATABASE_URL=url))

        assert time() - done_at < 5
