"""What is written to people about an alert: what happened, how much it is, what they can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from conversations.accounting.reports.period import local
from conversations.models import Alert

SMALLEST_SHOWN_USD = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Letter:
    """Plain sentences; `link` is empty when nobody knows the site's address. `why` says why somebody gets it."""

    subject: str
    paragraphs: list[str]
    link_title: str = ""
    link: str = ""
    why: str = ""


def letter_of(alert: Alert, *, personal: bool) -> Letter:
    """To the person it is about when `personal`, else to those who mind the bill."""
    write = PERSONAL.get(alert.kind) if personal else None
    return (write or TO_STAFF[alert.kind])(alert)


def about_budget(alert: Alert) -> Letter:
    facts = alert.facts
    return Letter(
        alert.title,
        [
            f"{capital(facts['whose'])} has used {spent_of(facts)} that the budget “{facts['budget']}” allows.",
            consequence(facts, alert.level),
            "To allow more, raise the limit of the budget; to see what the money went to, open the usage reports.",
        ],
        "Open the budget",
        address("admin:conversations_budget_change", facts["budget_key"]),
        STAFF,
    )


def about_own_budget(alert: Alert) -> Letter:
    facts = alert.facts
    return Letter(
        f"You have used {facts['percent']} % of your budget on {settings.SITE_NAME}",
        [
            f"You have used {spent_of(facts)} that the budget “{facts['budget']}” allows you.",
            consequence(facts, alert.level),
            "Shorter conversations and smaller models cost less. If you need more, ask whoever runs the site.",
        ],
        "See what it went to",
        address("usage"),
        "You get this because the budget is yours.",
    )


def about_pace(alert: Alert) -> Letter:
    facts = alert.facts
    if "budget" not in facts:
        return about_month(alert)
    return Letter(
        alert.title,
        [
            f"{capital(facts['whose'])} has used {spent_of(facts)} that the budget “{facts['budget']}” allows.",
            f"At this rate the month ends at about {usd(facts['month_end_usd'])}.",
            consequence(facts, 0),
        ],
        "Open the budget",
        address("admin:conversations_budget_change", facts["budget_key"]),
        STAFF,
    )


def about_own_pace(alert: Alert) -> Letter:
    facts = alert.facts
    return Letter(
        f"At this rate your budget on {settings.SITE_NAME} will not last the month",
        [
            f"You have used {spent_of(facts)} that the budget “{facts['budget']}” allows you.",
            f"At this rate the month ends at about {usd(facts['month_end_usd'])}.",
            consequence(facts, 0),
        ],
        "See what it went to",
        address("usage"),
        "You get this because the budget is yours.",
    )


def about_month(alert: Alert) -> Letter:
    facts = alert.facts
    return Letter(
        alert.title,
        [
            f"{usd(facts['spent_usd'])} have been spent in {facts['month']} so far.",
            f"At this rate the month ends at about {usd(facts['month_end_usd'])}; "
            f"{facts['month_before']} cost {usd(facts['month_before_usd'])}.",
            "The usage reports say which people and models it went to. A budget for the site keeps it within a limit.",
        ],
        "Open the report of this month",
        report(f"{alert.first_day:%Y-%m}"),
        STAFF,
    )


def about_day(alert: Alert) -> Letter:
    facts = alert.facts
    day = date.fromisoformat(facts["day"])
    return Letter(
        alert.title,
        [
            f"{usd(facts['spent_usd'])} had been spent on {day:%A %-d %B %Y} when this was noticed.",
            f"A usual day costs {usd(facts['usual_usd'])}, the median of the days of the 28 before that cost anything.",
            "The report of the day says which people and models it went to.",
        ],
        "Open the report of the day",
        report(str(day)),
        STAFF,
    )


def about_model(alert: Alert) -> Letter:
    facts = alert.facts
    calls = "once" if facts["calls"] == 1 else f"{facts['calls']:,} times"
    return Letter(
        alert.title,
        [
            f"{facts['model']} has been called {calls} in {facts['month']}, and nobody knows its price: its cost is "
            "unknown, missing from every sum, and counts in no budget.",
            "Set a price for it, zero if it is free. Calls that were made already are priced then.",
        ],
        "Set its price",
        address("admin:conversations_modelprice_add", query={"model": facts["model"]}),
        STAFF,
    )


def about_nothing(alert: Alert) -> Letter:
    return Letter(
        f"A test alert from {settings.SITE_NAME}",
        ["Alerts reach this address. Nothing has happened, and there is nothing to do."],
        "See all alerts",
        address("admin:conversations_alert_changelist"),
        f"You get this because {alert.facts['by']} asked for a test.",
    )


STAFF = "You get this because you may see the usage reports of the site, or are named in its settings."
TO_STAFF: dict[str, Callable[[Alert], Letter]] = {
    Alert.Kind.BUDGET: about_budget,
    Alert.Kind.PACE: about_pace,
    Alert.Kind.SPIKE: about_day,
    Alert.Kind.UNPRICED: about_model,
    Alert.Kind.TEST: about_nothing,
}
PERSONAL: dict[str, Callable[[Alert], Letter]] = {
    Alert.Kind.BUDGET: about_own_budget,
    Alert.Kind.PACE: about_own_pace,
}


# --- Parts of sentences ---------------------------------------------------------


def spent_of(facts: dict[str, Any]) -> str:
    period = {"day": "a day", "month": "a month"}[facts["period"]]
    return f"{usd(facts['spent_usd'])} of the {usd(facts['limit_usd'])} {period}"


def consequence(facts: dict[str, Any], level: int) -> str:
    """What the budget does about it, and until when."""
    afresh = f"{local(datetime.fromisoformat(facts['resets_at'])):%-d %B %Y, %H:%M}"
    if not facts["hard"]:
        return f"Nothing is refused: this budget only warns. It starts afresh on {afresh}."
    if level < 100:
        return f"When all of it is spent, messages are refused until it starts afresh on {afresh}."
    return f"Messages are refused until it starts afresh on {afresh}."


def usd(amount: str | Decimal) -> str:
    """Two decimals from a dollar on, four below."""
    value = Decimal(amount)
    if 0 < value < SMALLEST_SHOWN_USD:
        return f"under ${SMALLEST_SHOWN_USD}"
    return f"${value:,.2f}" if value >= 1 or not value else f"${value:.4f}"


def capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def address(name: str, *arguments: object, query: dict[str, str] | None = None) -> str:
    """A page of the site in full; empty when the site does not know where it is."""
    if not settings.SITE_URL:
        return ""
    path = reverse(name, args=arguments)
    return settings.SITE_URL.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")


def report(period: str) -> str:
    return address("usage_reports:overview", query={"period": period})
