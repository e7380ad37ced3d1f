"""What all pages of the section share: who may see them, the period, the filters and the way to the other pages."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from conversations.accounting import reports
from conversations.accounting.reports.period import BUCKETS, PRESETS, default_bucket
from conversations.accounting.reports.scope import NO_GROUP, Scope, ScopeForm, fits
from conversations.admin.usage.links import address
from conversations.models import UsageRecord

PERMISSION = "conversations.view_usagerecord"
DIMENSIONS = {"user": "Users", "group": "Groups", "model": "Models", "provider": "Providers", "purpose": "Purposes"}
FORMATS = ("csv", "jsonl")
# What filters offer changes seldom, and would be asked of the ledger of a year for every page.
CHOICES_KEPT_S = 60
SHORTER = {"7d": "7 days", "30d": "30 days", "90d": "90 days"}

type View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Link:
    """A way to another page; `here` when it is the page that is shown."""

    title: str
    href: str
    here: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter that is on: what it is, its value in words, and the address of the page without it."""

    name: str
    value: str
    without: str


def for_staff(view: View) -> View:
    """A page of the section: for staff who may see usage. Others are sent to the sign-in, or refused."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    wrapped: View = admin.site.admin_view(guarded)
    return wrapped


class Asked:
    """What an address asks for. `scope` is always there; `problems` are sentences about what made no sense in it."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.now = timezone.now()
        form = ScopeForm(request.GET, self.now)
        self.scope: Scope = form.scope
        self.problems = [
            f"{name.capitalize()}: {sentence} It was left out."
            for name, sentences in form.errors.items()
            for sentence in sentences
        ]

    def word(self, name: str, choices: Any, otherwise: str = "") -> str:
        """A parameter of this page that must be one of `choices`."""
        said = self.request.GET.get(name, "")
        if said and said not in choices:
            self.problems.append(f"{name.capitalize()}: “{said[:40]}” is not known here. It was left out.")
            return otherwise
        return said or otherwise

    def page_number(self) -> int:
        """From 1; nonsense is the first page."""
        said = self.request.GET.get("page", "1")
        if said.isdecimal() and 1 <= int(said[:7]) < 10**6:
            return int(said)
        self.problems.append("Page: this is not a number of a page. It was left out.")
        return 1

    @property
    def format(self) -> str:
        """The format of a download, or empty for the page: also where a file would not be about what was asked."""
        said = self.word("download", FORMATS)
        return "" if self.problems else said

    @property
    def words(self) -> str:
        """What somebody looks for among names."""
        return self.request.GET.get("q", "").replace("\0", "").strip()[:100]


def page(asked: Asked, template: str, title: str, here: Callable[[Scope], str], **context: Any) -> HttpResponse:
    """A page of the section. `here` gives the address of the same page with another scope."""
    scope = asked.scope
    own = {
        **admin.site.each_context(asked.request),
        "title": title,
        "scope": scope,
        "problems": asked.problems,
        "sections": sections(asked.request.path, scope),
        "presets": presets(scope, here),
        "is_custom": scope.period.name not in PRESETS,
        "chips": chips(scope, here),
        "choices": cache.get_or_set("usage-filter-choices", reports.choices, CHOICES_KEPT_S),
        "formats": [Link(name.upper(), with_parameter(here(scope), "download", name)) for name in FORMATS],
        "here": here(scope),
        "plain": asked.request.path,
        "sizes": bucket_links(scope, here),
        "fields": fields(scope),
        "period_fields": fields(Scope.of(scope.period)),
    }
    return TemplateResponse(asked.request, f"admin/usage/{template}.html", own | context)


def presets(scope: Scope, here: Callable[[Scope], str]) -> list[Link]:
    return [
        Link(SHORTER.get(preset, title), here(scope.over(preset)), here=scope.period.name == preset)
        for preset, title in PRESETS.items()
    ]


def fields(scope: Scope) -> dict[str, str]:
    """A scope as the fields of a form."""
    return dict(parse_qsl(scope.query()))


def with_parameter(link: str, name: str, value: str) -> str:
    return f"{link}{'&' if '?' in link else '?'}{name}={value}"


def sections(path: str, scope: Scope) -> list[Link]:
    """All pages of the section, about the same scope."""
    links = [
        Link("Overview", address("overview", scope)),
        *(Link(title, address("by", scope, dimension)) for dimension, title in DIMENSIONS.items()),
        Link("Matrix", address("matrix", scope)),
        Link("Conversations", address("conversations", scope)),
        Link("Calls", address("calls", scope)),
        Link("Reliability", address("reliability", scope)),
        Link("Unpriced", address("unpriced", scope)),
    ]
    at = max((link.href.partition("?")[0] for link in links if path.startswith(link.href.partition("?")[0])), key=len)
    return [Link(link.title, link.href, here=link.href.partition("?")[0] == at) for link in links]


def bucket_links(scope: Scope, here: Callable[[Scope], str]) -> list[Link]:
    """The same chart in hours, days or months, as far as the period is long or short enough for them."""
    sizes = [size for size in BUCKETS if fits(size, scope.period) and not (size == "month" and scope.period.days < 28)]
    return [Link(size, here(in_buckets(scope, size)), here=scope.bucket == size) for size in sizes]


def in_buckets(scope: Scope, size: str) -> Scope:
    return Scope.of(scope.period, size or default_bucket(scope.period), **scope.filters)


def chips(scope: Scope, here: Callable[[Scope], str]) -> list[Chip]:
    return [
        Chip(name, value_of(name, value), here(scope.narrowed(**{name: None}))) for name, value in scope.filters.items()
    ]


def value_of(name: str, value: Any) -> str:
    """The value of a filter as people know it."""
    match name:
        case "user":
            return user_name(value)
        case "group":
            return "in no group" if value == NO_GROUP else name_of(Group, "name", value)
        case "purpose":
            return str(UsageRecord.Purpose(value).label)
        case "confidence":
            return str(UsageRecord.Confidence(value).label)
        case _:
            return str(value)


def user_name(key: int) -> str:
    return name_of(get_user_model(), get_user_model().USERNAME_FIELD, key)


def name_of(kind: Any, field: str, key: int) -> str:
    """A name, or the key of what has been deleted."""
    return kind.objects.filter(pk=key).values_list(field, flat=True).first() or f"{key} (deleted)"


def admin_page_of_user(request: HttpRequest, key: int | None) -> str:
    """Address of somebody's page in the admin; empty for those who may not see it."""
    if key is None or not request.user.has_perm("auth.view_user"):
        return ""
    return reverse("admin:auth_user_change", args=[key])
