"""The same export as on the page, in the foreground: to a path of one's own, with progress."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from uuid_utils.compat import uuid7

from conversations.exporting.formats import FORMATS, Name
from conversations.exporting.packing import About, sha256_of
from conversations.exporting.pseudonyms import pseudonyms_of_site
from conversations.exporting.selection import Selection
from conversations.exporting.spool import Spool
from conversations.exporting.writing import pack_into, write_all
from conversations.models import AuditEntry, Generation


class Command(BaseCommand):
    help = "Export conversations to a file. Without filters: all of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=Name.values, default=Name.ARCHIVE.value)
        parser.add_argument("--user", help="username")
        parser.add_argument("--group", help="name of a group")
        parser.add_argument("--since", type=date.fromisoformat, help="YYYY-MM-DD, the first day")
        parser.add_argument("--until", type=date.fromisoformat, help="YYYY-MM-DD, the last day")
        parser.add_argument("--model", default="", help="provider:model")
        parser.add_argument("--state", default="", choices=["", *Generation.Status.values])
        parser.add_argument("--words", default="", help="all of them in the title or in the messages")
        parser.add_argument("--pseudonymise", action="store_true", help="pseudonyms instead of names")
        parser.add_argument("--reason", default="", help="for the audit log")
        parser.add_argument("--out", type=Path, required=True, help="the file to write; it must not be there yet")

    def handle(self, *args: Any, out: Path, **options: Any) -> None:
        if out.exists():
            raise CommandError(f"{out} is there already.")
        if not out.absolute().parent.is_dir():
            raise CommandError(f"{out.absolute().parent} is no folder.")
        selection = selection_from(options)
        self.write_audit(selection, options)
        self.export(selection, options, out)

    def write_audit(self, selection: Selection, options: dict[str, Any]) -> None:
        AuditEntry.write(
            AuditEntry.Action.EXPORT_BEGUN,
            None,
            subject_key=selection.user,
            reason=options["reason"],
            format=options["format"],
            filters=selection.to_json(),
            pseudonymised=options["pseudonymise"],
            by="manage.py export_conversations",
        )

    def export(self, selection: Selection, options: dict[str, Any], out: Path) -> None:
        """Written beside `out` first, so that a file of that name is always a whole one."""
        made, began, job = FORMATS[Name(options["format"])], timezone.now(), uuid7()
        conversations = selection.found().filter(created_at__lte=began)
        total, done, messages = conversations.count(), 0, 0
        pseudonyms = pseudonyms_of_site(job) if options["pseudonymise"] else None
        with TemporaryDirectory(dir=out.absolute().parent, prefix=".export-") as folder:
            spool = Spool(Path(folder), job)
            for batch in write_all(conversations, made, spool, pseudonyms=pseudonyms, alive=nothing):
                done, messages = done + batch.conversations, messages + batch.messages
                self.tell(f"{done:,} of {total:,} conversations, {messages:,} messages")
            filters = {} if pseudonyms else selection.to_json()
            about = About(settings.SITE_NAME, began, filters, pseudonyms is not None, done, messages)
            pack_into(Path(folder) / "packed", made, spool, about, alive=nothing)
            spool.close()
            (Path(folder) / "packed").rename(out)
        self.tell(f"{done:,} conversations, {messages:,} messages", ending="\n")
        self.stdout.write(f"{out}: {out.stat().st_size:,} bytes, SHA-256 {sha256_of(out)}")

    def tell(self, words: str, ending: str = "") -> None:
        """One line that is written over and over on a terminal; only its last state elsewhere."""
        if self.stderr.isatty():
            self.stderr.write(f"\r{words}", ending=ending)
        elif ending:
            self.stderr.write(words)


def nothing() -> None:
    """The foreground shows nobody that it lives."""


def selection_from(options: dict[str, Any]) -> Selection:
    names = ("since", "until", "model", "state", "words")
    user = group = None
    if options["user"]:
        user = get_user_model().objects.filter(username=options["user"]).values_list("pk", flat=True).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
    if options["group"]:
        group = Group.objects.filter(name=options["group"]).values_list("pk", flat=True).first()
        if group is None:
            raise CommandError(f"There is no group {options['group']!r}.")
    return Selection(user=user, group=group, **{name: options[name] for name in names})
