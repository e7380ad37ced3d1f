"""Alerts looked for by ten at a time are raised once, on both databases."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mailbox import Mailbox, mailbox
from tests.servers import Site, manage, postgres_database

TEN_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from uuid import uuid4
from django.db import connection
from django.utils import timezone
from conversations.accounting.alerts.raising import check
from conversations.accounting.alerts.delivering import deliver_due
from conversations.models import Budget, UsageRecord

now = timezone.now()
def spent(days, usd, model="openai:gpt-5.5"):
    return UsageRecord(
        created_at=now - timedelta(days=days), user_key=1, conversation_key=uuid4(), provider="openai",
        model_asked=model, purpose="answer", outcome="complete", fresh_input=1, cache_read=0, cache_write=0,
        output=1, reasoning=0, confidence="reported", cost_usd=None if usd is None else Decimal(usd),
    )

UsageRecord.book([spent(days, "2") for days in range(1, 12)])
UsageRecord.book([spent(0, "90"), spent(0, None, "ollama:qwen3")])
for name in ("One", "Two"):
    budget = Budget.objects.create(name=name, scope="site", period="day", limit_usd=100)
    budget.account(None, timezone.localdate())

together = Barrier(10)
def look(_):
    together.wait()
    try:
        raised = check()
        deliver_due()
        return raised
    finally:
        connection.close()

with ThreadPoolExecutor(10) as pool:
    print(sum(pool.map(look, range(10))))
"""


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as receiving:
        yield receiving


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, template: Path, tmp_path: Path, box: Mailbox) -> Iterator[Site]:
    """A database of one's own, with mails to the box."""
    settings = {"CHAT_EMAIL_URL": box.url, "CHAT_ALERT_EMAILS": "minder@example.org"}
    if request.param == "sqlite":
        shutil.copytree(template, tmp_path / "site")
        yield Site(tmp_path / "site", settings)
        return
    if not os.environ.get("TEST_POSTGRES_URL"):
        pytest.skip("TEST_POSTGRES_URL is not set")
    (tmp_path / "site").mkdir()
    with postgres_database(os.environ["TEST_POSTGRES_URL"]) as url:
        yield Site(tmp_path / "site", {**settings, "DATABASE_URL": url})


def test_ten_who_look_at_once_raise_each_alert_once_and_deliver_it_once(home: Site, box: Mailbox) -> None:
    raised = int(manage(home.data_dir, "shell", "--no-imports", "-c", TEN_AT_ONCE, **home.settings).split()[-1])

    rows = home.rows("SELECT kind, subject, first_day, level FROM conversations_alert")
    kinds = sorted(row[0] for row in rows)
    assert raised == len(rows) == len(set(rows))
    assert [kind for kind in kinds if kind in ("budget", "spike", "unpriced")] == [
        "budget",
        "budget",
        "spike",
        "unpriced",
    ]
    assert home.rows("SELECT DISTINCT attempts FROM conversations_delivery") == [(1,)]
    assert home.rows("SELECT count(*) FROM conversations_delivery WHERE delivered_at IS NULL") == [(0,)]
    assert len(box.mails) == len({mail["message-id"] for mail in box.mails}) == len(rows)
