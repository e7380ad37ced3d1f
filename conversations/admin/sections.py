"""The front page of the admin in the words of a support person: what there is to look at, by what one wants to know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is not a list of rows: the name of its address, and the permission it needs; none: any staff."""

    title: str
    route: str
    about: str
    permission: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The list of a model."""

    label: str
    title: str
    about: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the front page."""

    title: str
    address: str
    about: str
    add_address: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    entries: list[Entry]


MAY_REPORT = "conversations.view_usagerecord"
MAY_EXPORT = "conversations.export_conversations"

# What stands where: pages, and tables by `app.model`.
SECTIONS: tuple[tuple[str, tuple[Page | Table, ...]], ...] = (
    (
        "Usage & cost",
        (
            Page(
                "Usage report", "usage_reports:overview", "Cost, calls and tokens by day, person and model", MAY_REPORT
            ),
            Table("conversations.usagerecord", "Ledger", "Every call, row by row"),
            Table("conversations.budget", "Budgets", "Who may spend how much, and what happens then"),
            Table("conversations.alert", "Alerts", "What people were told: budgets, pace, odd days"),
            Table("conversations.modelprice", "Prices", "Where they differ from the price data"),
            Table("conversations.tokenratio", "Token ratios", "How answers without a count are estimated"),
            Table("conversations.recompute", "Recomputes", "Costs put right after a price was wrong"),
        ),
    ),
    (
        "People",
        (
            Table("auth.user", "Users", "Accounts, their spend and what they use"),
            Table("auth.group", "Groups", "Teams, and the roles of staff"),
            Table("account.emailaddress", "E-mail addresses", "Confirmed or not"),
            Table("mfa.authenticator", "Second factors", "Take one away from whoever lost the device"),
        ),
    ),
    (
        "Conversations",
        (
            Table("conversations.conversation", "Conversations", "Whose, when, which model, what it cost"),
            Table("conversations.generation", "Answers", "How each ended, errors, attempts; stop a running one"),
            Page("Export", "exports", "Hand over history as files", MAY_EXPORT),
        ),
    ),
    (
        "Models",
        (
            Table("conversations.catalogentry", "Models on offer", "Names, limits, fallbacks, prices"),
            Page("Model health", "model_health", "Which models answer and which fail, just now"),
        ),
    ),
    (
        "Jobs & log",
        (
            Table("conversations.exportjob", "Export jobs", "Waiting, running, ready"),
            Table("conversations.auditentry", "Audit log", "Who read, exported or changed what, and why"),
        ),
    ),
)


def sections_for(request: HttpRequest, app_list: Iterable[dict[str, Any]]) -> list[Section]:
    """The sections with what this person may see; tables nobody has put anywhere come last."""
    models = {label_of(app, model): model for app in app_list for model in app["models"] if model["admin_url"]}
    found = [Section(title, list(entries(request, lines, models))) for title, lines in SECTIONS]
    rest = [entry_of(Table("", str(model["name"]), ""), model) for model in models.values()]
    return [section for section in [*found, Section("More", rest)] if section.entries]


def entries(request: HttpRequest, lines: Iterable[Page | Table], models: dict[str, dict[str, Any]]) -> Iterator[Entry]:
    """Takes out of `models` those it has a line for."""
    for line in lines:
        if isinstance(line, Page):
            if not line.permission or request.user.has_perm(line.permission):
                yield Entry(line.title, reverse(line.route), line.about)
        elif model := models.pop(line.label, None):
            yield entry_of(line, model)


def entry_of(table: Table, model: dict[str, Any]) -> Entry:
    return Entry(table.title, model["admin_url"], table.about, model["add_url"] or "")


def label_of(app: dict[str, Any], model: dict[str, Any]) -> str:
    return f"{app['app_label']}.{model['object_name'].lower()}"
