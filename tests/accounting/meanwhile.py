"""`python -m tests.accounting.meanwhile write|roll|roll-on|read [seed]`: one of several processes on one ledger.

It says `begun` when it begins; `roll-on` goes on until it is killed.
"""

import os
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import django

FIRST = datetime(2026, 9, 28, tzinfo=UTC)
DAYS = 12
ROUNDS = 8


def write(random: Random) -> None:
    """Calls and corrections of days that have passed, each batch in a transaction of its own."""
    from conversations.models import UsageRecord
    from tests.accounting.ledgers import correct, random_call, random_moment

    for _ in range(ROUNDS):
        calls = [random_call(random, random_moment(random, FIRST, DAYS), [1, 2, 3]) for _ in range(5)]
        UsageRecord.book(calls)
        for call in calls[:2]:
            correct(call, Decimal(random.randrange(-(10**8), 10**8)) / 10**10)


def roll(random: Random) -> None:
    from conversations.accounting.reports import rollups

    for _ in range(ROUNDS):
        rollups.roll_up()


def roll_on(random: Random) -> None:
    """Each time anew, all of it."""
    from conversations.accounting.reports import rollups

    while True:
        list(rollups.rebuild(FIRST.date(), (FIRST + timedelta(days=DAYS)).date()))


def read(random: Random) -> None:
    """In one snapshot of the database a report says what the rows add up to, at any moment."""
    from django.db import connection, transaction

    from conversations.accounting import reports
    from conversations.accounting.reports.period import Period
    from conversations.accounting.reports.scope import Scope
    from conversations.models import UsageRecord
    from tests.accounting.ledgers import added_by_hand, known

    scope = Scope.of(Period.of_days(date(2026, 9, 1), date(2026, 10, 31)))
    for _ in range(ROUNDS):
        with transaction.atomic():
            if connection.vendor == "postgresql":
                connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            rows = list(UsageRecord.objects.all())
            assert known(reports.overview(scope).figures) == added_by_hand(rows)
            assert known(reports.by_user(scope).total) == added_by_hand(rows)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
    django.setup()
    print("begun", flush=True)
    {"write": write, "roll": roll, "roll-on": roll_on, "read": read}[sys.argv[1]](Random(sys.argv[2]))
