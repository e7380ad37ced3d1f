"""What every page knows."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpRequest

from conversations.models import Conversation
from conversations.templatetags.shown import age

SIDEBAR_LENGTH = 40


def site(request: HttpRequest) -> dict[str, Any]:
    """The site's name and, lazily, the latest conversations of the reader and who may sign up."""
    return {
        "site_name": settings.SITE_NAME,
        "sidebar_sections": lambda: sidebar(request),
        "signup_open": settings.SIGNUP == "open",
        "no_account_yet": lambda: not get_user_model().objects.exists(),
    }


def sidebar(request: HttpRequest) -> dict[str, list[Conversation]]:
    """By heading. Those of today have a place even when there is none yet: there a new one appears."""
    sections: dict[str, list[Conversation]] = {"Pinned": [], "Today": []}
    if request.user.is_authenticated:
        mine = Conversation.objects.filter(owner_id=request.user.pk).listed()
        for conversation in mine.only("id", "title", "pinned", "updated_at")[:SIDEBAR_LENGTH]:
            sections.setdefault(age(conversation), []).append(conversation)
    return sections
