"""Raising alerts: each once per period, however often and in however many processes it is looked for.

When spending jumps over several levels of a budget at once, the highest alone is raised.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, datetime
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from conversations.accounting.alerts import budget_alerts, site_alerts
from conversations.accounting.alerts.digest import due_digest
from conversations.accounting.alerts.finding import Finding
from conversations.accounting.alerts.receivers import deliveries_for
from conversations.accounting.reports.period import day_of
from conversations.models import Alert

log = logging.getLogger(__name__)


def check(now: datetime | None = None) -> int:
    """Raise every alert that is due and has not been raised. Returns how many were. A handful of queries."""
    found = list(findings(now or timezone.now()))
    known = levels_raised(found)
    new = [finding for finding in found if finding.level > known.get(finding.key, -1)]
    return sum(raise_alert(finding) for finding in new)


def findings(now: datetime) -> Iterator[Finding]:
    """Everything worth an alert at this moment, raised or not."""
    yield from budget_alerts.findings(now)
    yield from site_alerts.findings(now)
    if settings.WEEKLY_DIGEST and settings.CAN_MAIL and (digest := due_digest(now)):
        yield digest


def levels_raised(found: list[Finding]) -> dict[tuple[str, str, date], int]:
    """The highest level raised so far for each of these; one query."""
    days, subjects = {finding.first_day for finding in found}, {finding.subject for finding in found}
    raised = Alert.objects.filter(first_day__in=days, subject__in=subjects).order_by("level")
    rows = raised.values_list("kind", "subject", "first_day", "level")
    return {(kind, subject, first_day): level for kind, subject, first_day, level in rows}


def raise_alert(finding: Finding) -> bool:
    """False when another process was first."""
    alert = finding.alert()
    if not alert.raise_once(deliveries_for(alert, for_staff=finding.for_staff)):
        return False
    log.info("alert %s: %s, %s", alert.pk, alert.kind, alert.subject)
    return True


def raise_test(by: str) -> Alert:
    """An alert that says nothing, to everybody who would get a real one; `by` is who wants to know."""
    finding = Finding(Alert.Kind.TEST, f"test {uuid4().hex}", day_of(timezone.now()), f"A test, by {by}", {"by": by})
    alert = finding.alert()
    alert.raise_once(deliveries_for(alert))
    return alert
