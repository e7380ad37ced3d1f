"""`make run`: bring the database up to date, say where the site is, start the server and the worker."""

import os
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from conversations.generating.offer import Offers


class Command(BaseCommand):
    help = "Migrate if needed, then start the web server and the Celery worker; Ctrl-C stops both."

    def handle(self, *args: Any, **options: Any) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0)
        self.welcome()
        connection.close()
        start_processes()

    def welcome(self) -> None:
        host = os.environ.get("HOST", "127.0.0.1")
        port = os.environ.get("PORT", "8000")
        shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::") else host  # noqa: S104
        address = f"http://{shown}:{port}"
        self.stdout.write(f"\n  {self.style.SUCCESS('Ready')} at {self.style.MIGRATE_HEADING(address)}\n")
        if not get_user_model().objects.exists():
            self.stdout.write(f"  Make the first account at {address}/accounts/signup/ - it is the admin.\n")
        models = Offers().models()
        if [model.provider for model in models] == ["demo"]:
            self.stdout.write("  No key is set, so the demo model answers. Keys: see .env.example\n")
        else:
            self.stdout.write(f"  Models: {', '.join(model.title for model in models)}\n")
        self.stdout.write("  Ctrl-C stops the server and the worker.\n\n")


def start_processes() -> None:
    """Become honcho, which runs the Procfile with this Python first on the path."""
    folder = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "HOST": os.environ.get("HOST", "127.0.0.1"),
        "PORT": os.environ.get("PORT", "8000"),
        "CHAT_DRAIN": os.environ.get("CHAT_DRAIN", "2"),
        # Tasks are idempotent and acknowledged late, so the worker need not linger.
        "REMAP_SIGTERM": "SIGQUIT",
    }
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "honcho", "start", "--no-colour"], environment)  # noqa: S606
