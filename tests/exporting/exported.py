"""Exports made as a worker makes them, and what stands in them."""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from conversations.exporting import job as jobs
from conversations.exporting.selection import Selection
from conversations.models import Conversation, ExportJob, Part
from tests.conversations.rows import answered, asked, new_conversation


def person(name: str = "carol") -> User:
    user: User = get_user_model().objects.get_or_create(username=name, defaults={"email": f"{name}@example.org"})[0]
    return user


def begun(format_name: str = "archive", *, pseudonymise: bool = False, **filters: Any) -> ExportJob:
    """A job of carol's for everybody's conversations."""
    selection = Selection(**filters)
    return jobs.begin(person(), selection, everybody=True, format=format_name, pseudonymise=pseudonymise)


def done(job: ExportJob) -> ExportJob:
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == "done", job.error
    return job


def path_of(job: ExportJob) -> Path:
    path: Path = settings.EXPORT_DIR / job.file
    return path


def exported(format_name: str, **options: Any) -> Path:
    """The file of an export that went well."""
    return path_of(done(begun(format_name, **options)))


def members(path: Path) -> dict[str, bytes]:
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def lines(content: bytes) -> list[Any]:
    """JSON lines. Only real line ends divide them."""
    return [json.loads(line) for line in content.decode().split("\n") if line]


def branched(name: str = "alice", text: str = "Why?") -> Conversation:
    """A question with two answers, the second of which is chosen and followed by another exchange."""
    conversation = new_conversation(name)
    first = answered(asked(conversation, text), "First answer.", status="stopped")
    second = conversation.regenerate(first.message, model="openai:sim")
    answered(second, "Second **answer** é 中文 🎉\u2028 next.")
    thought = Part(message=second.message, index=1, kind=Part.Kind.REASONING, text="Let me think.")
    thought.rendered().save()
    answered(asked(conversation, "And then?"), "Then this.")
    conversation.refresh_from_db()
    return conversation
