"""The request as our middleware leaves it."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class Request(HttpRequest):
    """Of somebody signed in, with what htmx says about it."""

    htmx: HtmxDetails
    # Whose stream it is, where that was known without asking who the user is.
    user_key: int
    user: User
