"""A soak from its servers to its verdict: a warm-up, what they hold, the cycles, what they hold now."""

import asyncio
import os
import shutil
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import from_nothing
from tests.servers import WARM, Site, free_port, postgres_database, simulated, wait_for
from tests.simulator.client import SimulatorClient, start_simulator_process
from tests.soak.checks import billed, check
from tests.soak.cycle import live
from tests.soak.held import Held, at_rest, is_warm, left_over
from tests.soak.people import Person, person
from tests.soak.stories import story

# Short, so that a soak meets all of them: a model's silence, a second attempt, the end of a stream's life, a heartbeat.
SETTINGS = {
    "CHAT_ATTEMPTS": "2",
    "CHAT_FIRST_RETRY_WAIT": "0.05",
    "CHAT_BETWEEN_EVENTS_TIMEOUT": "5",
    "CHAT_STREAM_LIFE": "2",
    "CHAT_HEARTBEAT": "1",
}
WARM_WITHIN_S = 180
TROUBLE = ("Traceback", " ERROR ", " CRITICAL ", "never retrieved", "never awaited", "ResourceWarning")


class ProbedSite(Site):
    def command(self) -> list[str]:
        *server, _ = super().command()
        return [*server, "tests.soak.probed:application"]


@dataclass
class Soak:
    """Its `failures` are the cycles after which something did not hold, in full."""

    seed: int
    processes: int = 1
    server: str = "daphne"
    people: int = 16
    apis: tuple[str, ...] = ("sim", "openai", "anthropic", "google")
    more_memory: float = 0.02
    failures: list[str] = field(default_factory=list)
    before: Held | None = None
    after: Held | None = None

    def run(self, template: Path, folder: Path, warm_up: range, cycles: range) -> list[str]:
        """What is wrong at the end; nothing if all is as it should be."""
        port = free_port()
        with self.sites(template, folder, port) as sites:
            wait_for(lambda: all(map(is_warm, sites)), WARM_WITHIN_S)
            self.live(sites, port, warm_up)
            self.before = at_rest(sites, lambda last, now: last.counts == now.counts)
            self.live(sites, port, cycles)
            self.after = at_rest(sites, lambda _, now: not self.left_over(now))
            trouble = [line for site in sites for line in trouble_in(site)]
        return self.failures + trouble + self.left_over(self.after)

    def left_over(self, now: Held) -> list[str]:
        assert self.before
        return left_over(self.before, now, more_memory=self.more_memory)

    def live(self, sites: list[Site], port: int, numbers: range) -> None:
        """These cycles, all people side by side. The provider comes before them and goes after them."""
        with start_simulator_process("--port", str(port)) as simulator:
            asyncio.run(self.lived(sites, simulator, numbers))

    async def lived(self, sites: list[Site], simulator: SimulatorClient, numbers: range) -> None:
        waiting = iter(numbers)
        # Each person blocks a thread or two while they wait for a response.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(3 * self.people))
        with ExitStack() as closing:
            models = enumerate(self.models())
            people = [closing.enter_context(person(n, model, sites, simulator)) for n, model in models]
            await asyncio.gather(*(self.one_after_the_other(one, waiting) for one in people))

    def models(self) -> list[str]:
        """One for each person."""
        return [f"{self.apis[number % len(self.apis)]}:of-{number}" for number in range(self.people)]

    async def one_after_the_other(self, one: Person, waiting: Iterator[int]) -> None:
        for number in waiting:
            told = story(self.seed, number, self.processes)
            try:
                await asyncio.to_thread(prepare, one, told.scripts)
                before = await asyncio.to_thread(billed, one.earlier if told.goes_on else None)
                outcome = await live(one, told)
                await asyncio.to_thread(check, one, told, outcome, before)
            except Exception:
                one.earlier = None
                self.failures.append(f"seed {self.seed}, cycle {number}: {told}\n{traceback.format_exc()}")

    @contextmanager
    def sites(self, template: Path, folder: Path, port: int) -> Iterator[list[Site]]:
        """The server processes: one on SQLite, several on the PostgreSQL and the Redis of the tests."""
        settings = simulated(SimulatorClient(f"http://127.0.0.1:{port}"), ",".join(self.models())) | SETTINGS | WARM
        with ExitStack() as closing:
            if self.processes > 1:
                database = closing.enter_context(postgres_database(os.environ["TEST_POSTGRES_URL"]))
                settings |= {"DATABASE_URL": database, "REDIS_URL": os.environ["TEST_REDIS_URL"]}
            sites = [
                ProbedSite(folder / f"{n}", settings, server=self.server, begin=from_nothing)
                for n in range(self.processes)
            ]
            for site in sites:
                shutil.copytree(template, site.data_dir)
                closing.callback(site.kill)
                site.start()
            yield sites


def prepare(one: Person, scripts: tuple[dict[str, object], ...]) -> None:
    *first, last = scripts
    one.simulator.forget_requests(model=one.model)
    one.simulator.script(one.model, last, queue=tuple(first))


def trouble_in(site: Site) -> list[str]:
    return [line for line in site.log().splitlines() if any(word in line for word in TROUBLE)]
