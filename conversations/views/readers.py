"""Who else has read or exported a user's conversations, when, and why: theirs to know."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conversations.models import AuditEntry, Conversation
from conversations.views.requests import Request

PER_PAGE = 30


@login_required
@require_safe
def readers(request: Request) -> HttpResponse:
    """From the log, the latest first. Conversations that are gone keep their entry."""
    entries = AuditEntry.objects.seen_by_owner(request.user.pk)
    page = Paginator(entries, PER_PAGE).get_page(request.GET.get("page"))
    titles = titles_of(request.user.pk, page.object_list)
    rows = [(entry, titles.get(entry.object_key)) for entry in page.object_list]
    return render(request, "conversations/readers.html", {"page": page, "rows": rows})


def titles_of(owner_id: int, entries: Iterable[AuditEntry]) -> dict[str, Conversation]:
    """The owner's conversations that entries are about, by the key entries name them by."""
    keys = [UUID(entry.object_key) for entry in entries if entry.action == AuditEntry.Action.TRANSCRIPT_READ]
    mine = Conversation.objects.filter(pk__in=keys, owner_id=owner_id).only("id", "title")
    return {str(conversation.pk): conversation for conversation in mine}
