"""Makes the sums that reports read anew from the ledger, and proves that they equal its rows."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations.accounting.reports import rollups
from conversations.accounting.reports.rollups import Difference

MOST_SHOWN = 20


class Command(BaseCommand):
    help = "Make the roll-ups of usage anew from the ledger's rows and compare them; fails where they differ."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only compare, change nothing")
        parser.add_argument("--since", type=date.fromisoformat, help="YYYY-MM-DD, the first day")
        parser.add_argument("--until", type=date.fromisoformat, help="YYYY-MM-DD, the last day")

    def handle(self, *args: Any, **options: Any) -> None:
        began = rollups.first_day()
        if began is None:
            self.stdout.write("The ledger is empty.")
            return
        first = options["since"] or began
        last = min(options["until"] or rollups.last_settled_day(), rollups.last_settled_day())
        if not options["check"]:
            self.rebuild(first, last)
        self.compare(first, last)

    def rebuild(self, first: date, last: date) -> None:
        count = sum(1 for _ in rollups.rebuild(first, last))
        self.stdout.write(f"{count} days from {first} to {last} made anew.")

    def compare(self, first: date, last: date) -> None:
        compared = len(rollups.compared_spans(first, last))
        found = list(rollups.differences(first, last))
        for difference in found[:MOST_SHOWN]:
            self.stderr.write(sentence(difference))
        if found:
            raise CommandError(f"{len(found)} sums differ from their rows.")
        self.stdout.write(f"{compared} days and months compared with their rows, column by column: equal.")


def sentence(difference: Difference) -> str:
    key = " ".join(map(str, difference.key))
    return f"{difference.span} {difference.start} {key}: rows {difference.rows}, sums {difference.sums}"
