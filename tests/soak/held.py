"""What server processes hold: counted from outside, and through the probe from inside."""

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg
import redis

from tests.servers import PATIENCE_S, Site
from tests.soak import PROBE

# What is told of the growth of objects by type: those of which every n-th cycle has left one.
CYCLES_PER_OBJECT = 5
LOOK_EVERY_S = 0.5
SETTLES_WITHIN_S = 45


@dataclass(frozen=True)
class Held:
    """By name: what can be counted, and memory in MB. `objects` and `traced` only help to find what has leaked."""

    counts: dict[str, int]
    memory_mb: dict[str, float]
    objects: Counter[str] = field(default_factory=Counter, repr=False)
    traced: list[str] = field(default_factory=list, repr=False)

    @property
    def is_idle(self) -> bool:
        return not any(count for name, count in self.counts.items() if name.endswith((" runs", " hubs")))


def held(sites: list[Site]) -> Held:
    """All of it, now."""
    counts: dict[str, int] = {}
    memory_mb: dict[str, float] = {}
    pids: list[int] = []
    for number, site in enumerate(sites, 1):
        inside = probe(site)
        outside = psutil.Process(inside["pid"])
        family = [outside, *outside.children(recursive=True)]
        mine = {
            "runs": inside["runs"],
            "hubs": inside["hubs"],
            "tasks": sum(inside["tasks"].values()),
            "threads": outside.num_threads() - pooled(inside["threads"]),
            "files": outside.num_fds(),
            "sockets": len(outside.net_connections()),
            "children": len(family) - 1,
        }
        counts |= {f"process {number} {name}": count for name, count in mine.items()}
        memory_mb[f"process {number}"] = sum(process.memory_info().rss for process in family) / 2**20
        pids.append(outside.pid)
    if url := sites[0].settings.get("DATABASE_URL"):
        counts["database connections"] = postgres_connections(url)
    if url := sites[0].settings.get("REDIS_URL"):
        counts |= redis_clients(url, pids)
    return Held(counts, memory_mb)


def is_warm(site: Site) -> bool:
    """The SDKs, which take seconds to import, are there."""
    return not any("warm_up" in name for name in probe(site)["threads"])


def pooled(threads: dict[str, int]) -> int:
    """Threads of the event loop's own pool, which makes one when it needs one and keeps a handful."""
    return sum(count for name, count in threads.items() if name.startswith("asyncio_"))


def probe(site: Site, query: str = "") -> Any:
    with urllib.request.urlopen(f"{site.url}{PROBE}{query}", timeout=PATIENCE_S) as response:
        return json.load(response)


def postgres_connections(url: str) -> int:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(url) as postgres:
        return int(postgres.execute(sql).fetchone()[0])  # type: ignore[index]


def redis_clients(url: str, pids: list[int]) -> dict[str, int]:
    """Connections of these processes as Redis knows them, and what they are subscribed to."""
    port = urlsplit(url).port or 6379
    sockets = [socket for pid in pids for socket in psutil.Process(pid).net_connections()]
    ours = {f"{socket.laddr[0]}:{socket.laddr[1]}" for socket in sockets if socket.raddr and socket.raddr[1] == port}
    with redis.Redis.from_url(url) as server:
        clients = [client for client in server.client_list() if client["addr"] in ours]
    subscriptions = sum(int(client["sub"]) + int(client["psub"]) for client in clients)
    return {"redis connections": len(clients), "redis subscriptions": subscriptions}


def at_rest(sites: list[Site], is_enough: Callable[[Held, Held], bool]) -> Held:
    """What they hold once nothing runs and two looks are enough, or time is up."""
    until = time.monotonic() + SETTLES_WITHIN_S
    last, now = held(sites), held(sites)
    while not (now.is_idle and is_enough(last, now)) and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
        last, now = now, held(sites)
    grown = [probe(site, "?grown") for site in sites]
    objects = sum((Counter(each["objects"]) for each in grown), Counter[str]())
    return replace(now, objects=objects, traced=[line for each in grown for line in each["traced"]])


def left_over(before: Held, after: Held, *, more_memory: float) -> list[str]:
    """What there is more of than before; memory may have grown by a share of `more_memory`."""
    counts = [
        f"{name}: {before.counts.get(name, 0)} -> {count}"
        for name, count in after.counts.items()
        if count > before.counts.get(name, 0)
    ]
    memory = [
        f"memory of {name}: {before.memory_mb[name]:.1f} -> {mb:.1f} MB"
        for name, mb in after.memory_mb.items()
        if mb > before.memory_mb[name] * (1 + more_memory)
    ]
    return counts + memory


def grown_types(before: Held, after: Held, cycles: int) -> dict[str, int]:
    """Types of which there are many more objects: where to look for a leak."""
    more = after.objects - before.objects
    return {name: count for name, count in more.most_common() if count > cycles / CYCLES_PER_OBJECT}
