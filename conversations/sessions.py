"""Sessions in the database, as Django keeps them. Every request asks for its own: with a prepared query."""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from conversations.models.prepared import Prepared

DATA_OF_SESSION = Prepared(
    lambda key: Session.objects.filter(session_key=key, expire_date__gt=Now()).values_list("session_data"), key="key"
)


class SessionStore(DatabaseSessions):
    def load(self) -> dict[str, Any]:
        """Empty, and without its key, when there is none or it has expired."""
        if not (found := DATA_OF_SESSION.rows(key=self.session_key or "")):
            self._session_key = None
            return {}
        return self.decode(found[0][0])
