"""`python -m tests.bench.exports`: what exporting a large history costs, in memory and time, for each format.

Seeds a database of its own (SQLite in a temporary folder; a new one on the PostgreSQL of TEST_POSTGRES_URL, too) and
runs each export as a worker does, in a process of its own. `--messages 100000` says how many.
"""

import argparse
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers import ROOT, environment, make_template, manage, postgres_database

FORMATS = ("archive", "markdown", "html", "csv", "jsonl", "fine_tuning")
MOST_MB, MOST_S = 150, 60

SEED = """
from tests.bench.export_rows import seed
seed({messages})
"""
EXPORT = """
import django
django.setup()
import json, resource, time
from conversations.exporting import job as jobs
from conversations.exporting.selection import Selection
from django.contrib.auth import get_user_model
user = get_user_model().objects.get(username="carol")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
job = jobs.begin(user, Selection(), everybody=True, format="{format}", pseudonymise={pseudonymise})
began, began_cpu = time.monotonic(), time.process_time()
jobs.run(job.pk)
seconds, cpu = time.monotonic() - began, time.process_time() - began_cpu
job.refresh_from_db()
assert job.status == "done", job.error
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
figures = dict(messages=job.messages, mb=round(most), mb_before=round(before), s=round(seconds, 1), cpu_s=round(cpu, 1))
figures["bytes"] = job.bytes
print(json.dumps(figures))
"""


def export(data_dir: Path, format_name: str, *, pseudonymise: bool = False, **settings: str) -> dict[str, float]:
    """Peak memory of the process (`mb`), what it had before it began (`mb_before`), seconds, size of the file."""
    script = EXPORT.format(format=format_name, pseudonymise=pseudonymise)
    env = environment(data_dir, DJANGO_SETTINGS_MODULE="chatsite.settings", CHAT_LOG_LEVEL="ERROR", **settings)
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    figures: dict[str, float] = json.loads(run.stdout)
    return figures


def seeded(data_dir: Path, messages: int, **settings: str) -> None:
    manage(data_dir, "shell", "--no-imports", "-c", SEED.format(messages=messages), **settings)


def line_of(database: str, format_name: str, pseudonymise: bool, figures: dict[str, float]) -> str:
    what = f"{format_name}{' pseudonymised' if pseudonymise else ''}"
    return (
        f"{database:<11} {what:<26} {figures['messages']:>8,} messages "
        f"{figures['s']:>6.1f} s ({figures['cpu_s']:>5.1f} s of CPU) "
        f"{figures['mb']:>5.0f} MB (before {figures['mb_before']:.0f}) file {figures['bytes'] / 1e6:>7.1f} MB"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--format", choices=FORMATS, action="append")
    parser.add_argument("--pseudonymise", action="store_true", help="measure that, too")
    options = parser.parse_args()
    fine = True
    with ExitStack() as closing:
        databases: dict[str, dict[str, str]] = {"SQLite": {}}
        if os.environ.get("TEST_POSTGRES_URL"):
            url = closing.enter_context(postgres_database(os.environ["TEST_POSTGRES_URL"]))
            databases["PostgreSQL"] = {"DATABASE_URL": url}
        for name, settings in databases.items():
            folder = Path(closing.enter_context(TemporaryDirectory()))
            if not settings:
                make_template(folder)
            seeded(folder, options.messages, **settings)
            for format_name in options.format or FORMATS:
                for pseudonymise in (False, True) if options.pseudonymise else (False,):
                    figures = export(folder, format_name, pseudonymise=pseudonymise, **settings)
                    good = figures["mb"] < MOST_MB and figures["s"] < MOST_S
                    fine = fine and good
                    print(line_of(name, format_name, pseudonymise, figures), "" if good else "TOO MUCH", flush=True)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
