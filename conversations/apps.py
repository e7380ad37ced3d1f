from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ConversationsConfig(AppConfig):
    name = "conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from conversations import checks  # noqa: F401 - registers them
        from conversations.roles import make_roles

        post_migrate.connect(make_roles, sender=self, dispatch_uid="conversations.roles")
