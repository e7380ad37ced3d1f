"""At what a month ends when it goes on as it began."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from conversations.accounting.reports.period import midnight, months_later

# Before the third day a single busy afternoon would say too much.
EARLIEST = timedelta(days=2)


def share_of_month(month: date, now: datetime) -> Decimal | None:
    """How much of the month that begins with `month` has passed, above 0 to 1; None while that is too little to tell.

    Real hours are counted: a month in which clocks change is an hour longer or shorter.
    """
    start, end = midnight(month), midnight(months_later(month, 1))
    if now < start + EARLIEST:
        return None
    return min(Decimal(1), Decimal((now - start).total_seconds()) / Decimal((end - start).total_seconds()))


def at_month_end(spent_usd: Decimal, month: date, now: datetime) -> Decimal | None:
    """US dollars at the end of the month at the rate so far; None while that is too early to tell."""
    passed = share_of_month(month, now)
    return spent_usd / passed if passed else None
