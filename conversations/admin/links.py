"""Links from one page of the admin to another."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Way:
    """Where something can be looked up."""

    words: str
    address: str
    permission: str


def link(text: object, address: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', address, text)


def list_of(model: str, **filters: object) -> str:
    """Address of the list of `model` with these filters."""
    return f"{reverse(f'admin:conversations_{model}_changelist')}?{urlencode(filters)}"


def page_of(model: str, key: Any) -> str:
    """Address of the page of one row of `model`."""
    return reverse(f"admin:conversations_{model}_change", args=[key])


def person_page(key: int) -> str:
    return reverse("admin:auth_user_change", args=[key])


def report_of(**filters: object) -> str:
    """Address of the usage report of these filters, of the present month."""
    return f"{reverse('usage_reports:overview')}?{urlencode({'period': 'this-month', **filters})}"


def ways_of_person(key: int) -> list[Way]:
    return [
        Way("Usage report", report_of(user=key), "conversations.view_usagerecord"),
        Way("Calls", list_of("usagerecord", user_key=key), "conversations.view_usagerecord"),
        Way("Conversations", list_of("conversation", owner__id__exact=key), "conversations.view_conversation"),
        Way("Budgets of theirs", list_of("budget", user__id__exact=key), "conversations.view_budget"),
        Way("Exports they made", list_of("exportjob", requested_by__id__exact=key), "conversations.view_exportjob"),
        Way("Who read or exported theirs", list_of("auditentry", subject_key=key), "conversations.view_auditentry"),
        Way("What they did as staff", list_of("auditentry", actor_key=key), "conversations.view_auditentry"),
    ]


def ways_of_group(key: int) -> list[Way]:
    members = f"{reverse('admin:auth_user_changelist')}?{urlencode({'groups__id__exact': key})}"
    return [
        Way("Usage report", report_of(group=key), "conversations.view_usagerecord"),
        Way("Members", members, "auth.view_user"),
        Way("Budgets", list_of("budget", group__id__exact=key), "conversations.view_budget"),
    ]


def open_to(request: HttpRequest, ways: Iterable[Way]) -> SafeString:
    """Those this person may go, side by side."""
    allowed = ((link(way.words, way.address),) for way in ways if request.user.has_perm(way.permission))
    return format_html_join(" · ", "{}", allowed)
