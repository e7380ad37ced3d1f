"""What every page knows."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.http import HttpRequest

from conversations.models import Conversation

SIDEBAR_LENGTH = 40


def site(request: HttpRequest) -> dict[str, Any]:
    """The site's name and, lazily, the latest conversations of the reader and who may sign up."""
    return {
        "site_name": settings.SITE_NAME,
        "sidebar_conversations": lambda: sidebar(request),
        "signup_open": settings.SIGNUP == "open",
        "no_account_yet": lambda: not get_user_model().objects.exists(),
    }


def sidebar(request: HttpRequest) -> list[Conversation]:
    if not request.user.is_authenticated:
        return []
    mine = Conversation.objects.filter(owner_id=request.user.pk).listed()
    return list(mine.only("id", "title", "pinned", "updated_at")[:SIDEBAR_LENGTH])
