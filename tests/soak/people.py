"""Who lives the stories: a person with a session, and a model at the simulator that nobody else asks."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx2
import psycopg

from tests.servers import PEOPLE, SESSION, Site
from tests.simulator.client import SimulatorClient
from tests.simulator.records import Seen
from tests.site.exchanges import Exchange

COPY_SESSION = """INSERT INTO django_session (session_key, session_data, expire_date)
    SELECT ?, session_data, expire_date FROM django_session WHERE session_key = ? ON CONFLICT DO NOTHING"""


@dataclass
class Person:
    """`sites` are the processes, `browsers` one at each of them; `earlier` is what was asked last."""

    number: int
    offered_model: str
    sites: list[Site]
    browsers: list[httpx2.Client]
    simulator: SimulatorClient
    earlier: Exchange | None = None

    @property
    def session(self) -> str:
        """Each has their own, so that they can sign out without the others."""
        return f"soaked{self.number}"

    @property
    def model(self) -> str:
        """As the provider knows it."""
        return self.offered_model.partition(":")[2]

    def calls(self) -> list[Seen]:
        return self.simulator.requests(model=self.model)

    def sign_in(self) -> None:
        write(self.sites[0], COPY_SESSION, SESSION(self.session), SESSION(PEOPLE[self.number % len(PEOPLE)]))
        for browser in self.browsers:
            browser.cookies.set("sessionid", SESSION(self.session))


@contextmanager
def person(number: int, offered_model: str, sites: list[Site], simulator: SimulatorClient) -> Iterator[Person]:
    with ExitStack() as closing:
        browsers = [closing.enter_context(site.signed_in("nobody")) for site in sites]
        for browser in browsers:
            browser.cookies.delete("sessionid")
        one = Person(number, offered_model, sites, browsers, simulator)
        one.sign_in()
        yield one


def write(site: Site, sql: str, *values: str) -> None:
    if url := site.settings.get("DATABASE_URL"):
        with psycopg.connect(url) as postgres:
            postgres.execute(sql.replace("?", "%s"), values)
        return
    database = sqlite3.connect(site.data_dir / "db.sqlite3", timeout=10, autocommit=True)
    database.execute(sql, values)
    database.close()
