import atexit
from typing import Any

from django.apps import AppConfig
from django.db import connection
from django.db.models.signals import post_migrate


class ConversationsConfig(AppConfig):
    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from conversations import checks  # noqa: F401 - registers them
        from conversations.roles import make_roles

        post_migrate.connect(make_roles, sender=self, dispatch_uid="conversations.roles")
        atexit.register(close_pool)


def close_pool() -> None:
    """While its threads still run: later a pool waits for each of them, five seconds and in vain."""
    postgres: Any = connection
    if postgres.vendor == "postgresql" and postgres.alias in postgres._connection_pools:
        postgres.close_pool()
