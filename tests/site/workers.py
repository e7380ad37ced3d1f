"""Workers of a site, as `make run` and a supervisor start them."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.processes import Forked, end
from tests.servers import Site, environment

WORKER = "celery --quiet -A chatsite worker --pool threads --concurrency 4 --without-gossip --without-mingle"


@contextmanager
def worker(site: Site, *options: str) -> Iterator[Forked]:
    """A worker of the site's database and broker; killed at the end, if it still runs."""
    settings = {"PYTHONWARNINGS": "ignore", **site.settings}
    command = [*WORKER.split(), *options]
    process = Forked(command, environment(site.data_dir, **settings), site.data_dir / "worker.log")
    try:
        yield process
    finally:
        end(process)
