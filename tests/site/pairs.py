"""Several processes of one site, on PostgreSQL and Redis."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.processes import Forked, end
from tests.servers import Site, environment

needs_servers = pytest.mark.skipif(
    not {"TEST_POSTGRES_URL", "TEST_REDIS_URL"} <= os.environ.keys(),
    reason="TEST_POSTGRES_URL and TEST_REDIS_URL name no servers",
)


class Pair(NamedTuple):
    """Answers are written in `writer`, whose database and Redis `other` shares."""

    writer: Site
    other: Site


@contextmanager
def running_together(folder: Path, *settings: dict[str, str]) -> Iterator[list[Site]]:
    """A process for each of the `settings`, started side by side; killed at the end."""
    sites = [Site(folder / str(number), each) for number, each in enumerate(settings)]
    try:
        with ThreadPoolExecutor(len(sites)) as together:
            list(together.map(start, sites))
        yield sites
    finally:
        for site in sites:
            site.kill()


def start(site: Site) -> None:
    site.data_dir.mkdir(parents=True, exist_ok=True)
    site.start()


@contextmanager
def running_beside(pair: Pair, folder: Path, **settings: str) -> Iterator[Site]:
    """One more process on the database of `pair`; its `settings` go first."""
    with running_together(folder, pair.other.settings | settings) as (site,):
        yield site


@contextmanager
def generator(web: Site, **settings: str) -> Iterator[Forked]:
    """A process that writes the answers of `web`; killed at the end if it has not ended."""
    told = environment(web.data_dir, **web.settings, **settings)
    process = Forked(["manage", "rungenerator"], told, web.data_dir / "server.log")
    try:
        yield process
    finally:
        end(process)
