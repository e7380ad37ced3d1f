"""What a support person looks at first: what is running, what has failed, what it has cost so far this month."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Min, Q
from django.http import HttpRequest
from django.utils import timezone

from conversations.accounting.reports.spend import spend_of_site, this_month
from conversations.admin.figures import spent
from conversations.admin.links import list_of, report_of
from conversations.models import Generation, UsageRecord
from conversations.templatetags.shown import seconds

MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure and where it comes from. `is_bad` when somebody should look at it."""

    title: str
    figure: str
    note: str
    address: str
    is_bad: bool = False


def tiles_for(request: HttpRequest) -> list[Tile]:
    """What this person may see of it; five queries at most, none of which reads a long table."""
    tiles = []
    if request.user.has_perm("conversations.view_usagerecord"):
        tiles += [spent_this_month(), without_price()]
    if request.user.has_perm("conversations.view_generation"):
        tiles += [being_written(), failed_lately()]
    return tiles


def being_written() -> Tile:
    active = Generation.objects.active().aggregate(number=Count("pk"), oldest=Min("created_at"))
    lasted = seconds((timezone.now() - active["oldest"]).total_seconds()) if active["oldest"] else ""
    note = f"the oldest for {lasted}" if lasted else "nothing is running"
    return Tile("Answers being written", str(active["number"]), note, list_of("generation", status__exact="active"))


def failed_lately() -> Tile:
    """Ids begin with their time: the last day is a range of the primary key."""
    lately = Generation.objects.filter(pk__gte=earliest_id_after(timedelta(days=1)))
    counts = lately.aggregate(number=Count("pk"), failed=Count("pk", filter=Q(status=Generation.Status.FAILED)))
    note = f"of {counts['number']:,} answers in 24 hours"
    failed = counts["failed"]
    return Tile("Failed", f"{failed:,}", note, list_of("generation", status__exact="failed"), is_bad=bool(failed))


def spent_this_month() -> Tile:
    spend = spend_of_site(this_month())
    unknown = f", {spend.unknown:,} of unknown cost" if spend.unknown else ""
    calls = "1 call" if spend.calls == 1 else f"{spend.calls:,} calls"
    figure = spent(replace(spend, unknown=0)) if spend.known_usd else spent(spend)
    return Tile("Spent this month", figure, calls + unknown, report_of())


def without_price() -> Tile:
    unknown = UsageRecord.objects.filter(cost_usd=None)[:MOST_COUNTED].count()
    figure = f"{MOST_COUNTED:,}+" if unknown == MOST_COUNTED else str(unknown)
    note = "their cost is in no sum" if unknown else "every call has its cost"
    return Tile("Calls of unknown cost", figure, note, list_of("usagerecord", cost="unknown"), is_bad=bool(unknown))


def earliest_id_after(ago: timedelta) -> UUID:
    return UUID(int=int((timezone.now() - ago).timestamp() * 1000) << 80)
