"""Fills the ledger with made-up calls, to see how reports do at size."""

from __future__ import annotations

from argparse import ArgumentParser
from random import Random, SystemRandom
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from conversations.accounting.reports import rollups, seeding
from conversations.accounting.reports.period import day_of
from conversations.models import UsageRecord


class Command(BaseCommand):
    help = "Fill the ledger with made-up calls of made-up users, to measure reports. Never on a site with real rows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rows", type=int, default=100_000)
        parser.add_argument("--users", type=int, default=500)
        parser.add_argument("--models", type=int, default=12)
        parser.add_argument("--days", type=int, default=365, help="up to and with today")
        parser.add_argument("--seed", type=int, help="the same number makes the same calls; printed when not given")
        parser.add_argument("--no-roll-up", action="store_true", help="leave that to the tasks")
        parser.add_argument(
            "--among-real-rows",
            action="store_true",
            help="even though the ledger has rows, which nothing will tell apart",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for name in ("rows", "users", "models", "days"):
            if options[name] < 1:
                raise CommandError(f"--{name} must be at least 1.")
        if UsageRecord.objects.exists() and not options["among_real_rows"]:
            raise CommandError("The ledger has rows. Made-up ones could never be told from them (--among-real-rows).")
        seed = SystemRandom().randrange(10**6) if options["seed"] is None else options["seed"]
        self.stdout.write(f"seed {seed}")
        self.seed(options, Random(seed))
        if not options["no_roll_up"]:
            self.roll_up()

    def seed(self, options: dict[str, Any], random: Random) -> None:
        began = monotonic()
        users = seeding.make_people(options["users"])
        shape = seeding.Shape(
            options["rows"], options["users"], options["models"], options["days"], day_of(timezone.now())
        )
        count = seeding.write(seeding.rows_of(shape, random, users))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self.stdout.write(f"{count:,} rows in {monotonic() - began:.0f} s")

    def roll_up(self) -> None:
        began = monotonic()
        spans = rollups.roll_up(most=100_000)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self.stdout.write(f"{spans} days and months rolled up in {monotonic() - began:.0f} s")
