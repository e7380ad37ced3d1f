"""`python -m tests.bench.reports`: how long every report and every page of the usage section takes on a large ledger.

Makes a database of its own on the PostgreSQL of TEST_POSTGRES_URL, or with `--sqlite` in a temporary folder, fills it
with `manage.py seed_usage` and drops it; `--database URL` takes one that has been filled before and leaves it. Each
time is the median of some runs after one that warms up. Time of CPU is that of this process and of its server process
of PostgreSQL, so that a machine with other work can still be measured.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, process_time
from typing import TYPE_CHECKING, Any

import django

from tests.servers import make_template, manage, postgres_database

if TYPE_CHECKING:
    from conversations.accounting.reports.scope import Scope

MOST_MS = 300
RUNS = 5
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass
class Figure:
    """Milliseconds, and database queries, of one page or function for one scope."""

    what: str
    scope: str
    ms: float
    cpu_ms: float
    queries: int


def main() -> int:
    options = parsed()
    with ExitStack() as closing:
        folder = Path(closing.enter_context(TemporaryDirectory()))
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
        os.environ["CHAT_DATA_DIR"] = str(folder)
        url = options.database or (None if options.sqlite else own_database(closing))
        settings = {"DATABASE_URL": url} if url else {}
        if not url:
            make_template(folder)
        if not options.database:
            seed(folder, options, settings)
        os.environ["DATABASE_URL"] = url or ""
        django.setup()
        figures = []
        for figure in measured(options):
            print(line_of(figure), flush=True)
            figures.append(figure)
    slow = [figure for figure in figures if figure.ms >= MOST_MS]
    print(f"{len(figures)} measured, {len(slow)} of them at {MOST_MS} ms or more")
    return 1 if slow else 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reports", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--models", type=int, default=12)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--database", help="URL of a database that has been filled before")
    parser.add_argument("--only", default="", help="what and scope must contain this")
    return parser.parse_args()


def own_database(closing: ExitStack) -> str:
    return closing.enter_context(postgres_database(os.environ["TEST_POSTGRES_URL"]))


def seed(folder: Path, options: argparse.Namespace, settings: dict[str, str]) -> None:
    sizes = [f"--{name}={getattr(options, name)}" for name in ("rows", "users", "models", "days", "seed")]
    began = monotonic()
    manage(folder, "seed_usage", *sizes, **settings)
    print(
        f"{options.rows:,} rows, {options.users} users, seeded and rolled up in {monotonic() - began:.0f} s", flush=True
    )


# --- What is measured ----------------------------------------------------------------


def measured(options: argparse.Namespace) -> Iterator[Figure]:
    for scope_name, scope in scopes().items():
        for what, act in [*functions(scope), *pages(scope)]:
            if options.only in f"{what} {scope_name}":
                yield timed(what, scope_name, act, options.runs)


def scopes() -> "dict[str, Scope]":
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group
    from django.utils import timezone

    from conversations.accounting.reports.period import Period, day_of
    from conversations.accounting.reports.scope import Scope

    today: date = day_of(timezone.now())
    year = Period.of_days(today - timedelta(days=364), today)
    user = get_user_model().objects.get(username="seed-0001").pk
    group = Group.objects.get(name="seed team 1").pk
    narrowed: dict[str, dict[str, Any]] = {
        "": {},
        " of a user": {"user": user},
        " of a group": {"group": group},
        " of a model": {"model": "openai:gpt-5.5"},
        " of failures": {"outcome": "overloaded"},
    }
    return {
        f"{name}{words}": Scope.of(period, **filters)
        for words, filters in narrowed.items()
        for name, period in {"today": "today", "30 days": "30d", "a year": year}.items()
        if not (words and name == "today")
    }


def functions(scope: "Scope") -> Iterator[tuple[str, Callable[[], object]]]:
    from conversations.accounting import reports

    tables = ("by_user", "by_group", "by_model", "by_provider", "by_purpose", "matrix")
    for name in ("overview", "over_time", *tables, "conversations", "calls", "reliability", "unpriced"):
        report = getattr(reports, name)
        yield name, lambda report=report: report(scope)


def pages(scope: "Scope") -> Iterator[tuple[str, Callable[[], object]]]:
    """Through the test client of Django, as somebody who may see everything."""
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.urls import reverse

    from conversations.models import UsageRecord

    user, _ = get_user_model().objects.get_or_create(
        username="carol", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    names = ["overview", "matrix", "conversations", "calls", "reliability", "unpriced"]
    paths = {name: reverse(f"usage_reports:{name}") for name in names}
    for dimension in ("user", "group", "model", "provider", "purpose"):
        paths[f"by {dimension}"] = reverse("usage_reports:by", args=[dimension])
    last = UsageRecord.objects.order_by("-created_at").values_list("pk", flat=True)[0]
    paths["call"] = reverse("usage_reports:call", args=[last])
    for name, path in paths.items():
        yield f"page {name}", lambda path=path: opened(client, f"{path}?{scope.query()}")


def opened(client: Any, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200, (path, response.status_code)


# --- Measuring -----------------------------------------------------------------------


def timed(what: str, scope: str, act: Callable[[], object], runs: int) -> Figure:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        act()
    times = [once(act) for _ in range(runs)]
    return Figure(what, scope, median(time[0] for time in times), median(time[1] for time in times), len(captured))


def once(act: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the clock, and of CPU."""
    with busy() as cpu_ms:
        began = monotonic()
        act()
        ms = (monotonic() - began) * 1000
    return ms, cpu_ms[0]


@contextmanager
def busy() -> Iterator[list[float]]:
    server, own, found = server_s(), process_time(), [0.0]
    yield found
    found[0] = (process_time() - own + server_s() - server) * 1000


def server_s() -> float:
    """CPU seconds of the server process that works for us; 0 where there is none on this machine."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        stat = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def line_of(figure: Figure) -> str:
    mark = "  SLOW" if figure.ms >= MOST_MS else ""
    return (
        f"{figure.what:<20} {figure.scope:<22} {figure.ms:>7.0f} ms {figure.cpu_ms:>7.0f} ms of CPU "
        f"{figure.queries:>3} queries{mark}"
    )


if __name__ == "__main__":
    sys.exit(main())
