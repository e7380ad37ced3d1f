"""Who is signed in: sessions and accounts as Django and allauth keep them, asked for with prepared queries."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from conversations.models.prepared import Prepared

DATA_OF_SESSION = Prepared(
    lambda key: Session.objects.filter(session_key=key, expire_date__gt=Now()).values_list("session_data"), key="key"
)
USER = Prepared(lambda key: get_user_model().objects.filter(pk=key), key=-1)


class SessionStore(DatabaseSessions):
    def load(self) -> dict[str, Any]:
        """Empty, and without its key, when there is none or it has expired."""
        if not (found := DATA_OF_SESSION.rows(key=self.session_key or "")):
            self._session_key = None
            return {}
        return self.decode(found[0][0])


class Accounts(AuthenticationBackend):  # type: ignore[misc]
    """By name or address and password; permissions as Django has them."""

    def get_user(self, user_id: int) -> User | None:
        found = USER.objects(key=user_id)
        return found[0] if found and self.user_can_authenticate(found[0]) else None
