"""Workers: what is sent after a commit is done once; a killed worker and a broker that is down cost time, not work.

The same tests on all brokers: the folder of the embedded default, Redis (TEST_REDIS_URL) and RabbitMQ
(TEST_RABBITMQ_URL). Real worker processes, ended by their number.
"""

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis
from kombu import Connection

from tests.hooked import SECRET, Hook, hooked
from tests.proxy import start_proxy
from tests.servers import Site, free_port, manage, wait_for
from tests.site.workers import worker

PORTS = {"redis": 6379, "amqp": 5672}
ROWS = 1_000
UNREACHABLE = "the broker cannot be reached"


@dataclass
class Broker:
    """One broker and a queue of the test's own. `settings` are environment variables."""

    url: str
    queue: str = field(default_factory=lambda: f"test-{secrets.token_hex(4)}")

    @property
    def settings(self) -> dict[str, str]:
        return {"CELERY_QUEUE": self.queue, **({"CELERY_BROKER_URL": self.url} if self.url else {})}

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or PORTS[parts.scheme]

    def at(self, port: int) -> "Broker":
        """The same, behind a proxy on that port."""
        parts = urlsplit(self.url)
        user, at, _ = parts.netloc.rpartition("@")
        return Broker(parts._replace(netloc=f"{user}{at}127.0.0.1:{port}").geturl(), self.queue)

    def clean(self) -> None:
        if self.url.startswith("redis"):
            with redis.Redis.from_url(self.url) as server:
                for key in server.scan_iter(f"{self.queue}.*"):
                    server.delete(key)
        elif self.url:
            with Connection(self.url) as connection:
                channel = connection.channel()
                channel.queue_delete(self.queue)
                channel.exchange_delete(self.queue)


@pytest.fixture(params=["filesystem", "redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "filesystem":
        yield Broker("")
    else:
        yield from broker_at(f"TEST_{request.param.upper()}_URL")


# Those that have connections, which can be broken.
over_a_network = pytest.mark.parametrize("broker", ["redis", "rabbitmq"], indirect=True)


def broker_at(name: str) -> Iterator[Broker]:
    if not os.environ.get(name):
        pytest.skip(f"{name} is not set")
    found = Broker(os.environ[name])
    yield found
    found.clean()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hooked() as receiver:
        yield receiver


@pytest.fixture
def home(template: Path, tmp_path: Path, broker: Broker, hook: Hook) -> Site:
    """A database of one's own and the settings of its processes; no server runs."""
    folder = tmp_path / "site"
    shutil.copytree(template, folder)
    settings = {"CHAT_ALERT_WEBHOOK_URL": hook.url, "CHAT_ALERT_WEBHOOK_SECRET": SECRET, "CHAT_LOG_LEVEL": "WARNING"}
    return Site(folder, {**settings, **broker.settings})


def run(home: Site, script: str) -> str:
    """A process of the site that runs this and ends."""
    return manage(home.data_dir, "shell", "--no-imports", "-c", script, **home.settings)


RAISE = """
from django.db import transaction
from conversations.accounting.alerts.raising import raise_test
from conversations.tasks import deliver_alerts
"""


def delivered(home: Site) -> int:
    rows = home.rows("SELECT count(*) FROM conversations_delivery WHERE delivered_at IS NOT NULL")
    return int(rows[0][0])


def waiting_messages(home: Site, broker: Broker) -> int:
    """How many messages the broker holds for workers of this queue."""
    if not broker.url:
        return len(list((home.data_dir / "broker" / "messages").iterdir()))
    if broker.url.startswith("redis"):
        with redis.Redis.from_url(broker.url) as server:
            return int(server.llen(f"{broker.queue}.{broker.queue}"))
    with Connection(broker.url) as connection:
        return int(connection.channel().queue_declare(broker.queue, passive=True).message_count)


# --- Messages -----------------------------------------------------------------


def test_what_is_sent_in_a_transaction_is_done_once_and_only_after_its_commit(
    home: Site, broker: Broker, hook: Hook
) -> None:
    run(
        home,
        RAISE
        + """
with transaction.atomic():
    raise_test("carol")
    deliver_alerts.delay_on_commit()
try:
    with transaction.atomic():
        deliver_alerts.delay_on_commit()
        raise ValueError
except ValueError:
    pass
""",
    )
    sent = waiting_messages(home, broker)

    with worker(home):
        wait_for(lambda: delivered(home) == 1)
        wait_for(lambda: waiting_messages(home, broker) == 0)

    assert sent == 1
    assert len(hook.asked) == len(hook.taken) == 1


def test_the_schedule_of_a_worker_finds_what_no_message_told_it(home: Site, hook: Hook) -> None:
    run(home, f"{RAISE}raise_test('carol')")

    with worker(home, "--schedule"):
        wait_for(lambda: delivered(home) == 1)

    assert len(hook.taken) == 1


def test_a_message_that_nobody_took_in_time_is_dropped_and_its_work_is_done_all_the_same(
    home: Site, broker: Broker, hook: Hook
) -> None:
    run(home, f"{RAISE}raise_test('carol')\ndeliver_alerts.apply_async(expires=0.01)")

    with worker(home):
        wait_for(lambda: waiting_messages(home, broker) == 0)
    before = len(hook.asked)
    with worker(home, "--schedule"):
        wait_for(lambda: delivered(home) == 1)

    assert (before, len(hook.taken)) == (0, 1)


# --- A worker that is killed ----------------------------------------------------

UNPRICED = f"""
from uuid import uuid4
from conversations.models import Budget, ModelPrice, UsageRecord
from conversations.models.budget import local_day
from conversations.tasks import price_unpriced
from django.db import transaction
from django.utils import timezone
from datetime import timedelta
now = timezone.now()
with transaction.atomic():
    UsageRecord.objects.bulk_create(
        [
            UsageRecord(
                created_at=now, user_key=1, conversation_key=uuid4(), provider="sim", model_asked="sim:model",
                purpose="answer", outcome="complete", fresh_input=1000, cache_read=0, cache_write=0, output=100,
                reasoning=0, confidence="reported",
            )
            for _ in range({ROWS})
        ],
        batch_size=500,
    )
    budget = Budget.objects.create(name="All", scope="site", limit_usd=1_000_000)
    budget.account(None, budget.first_day(local_day()))
    ModelPrice.objects.create(
        model="sim:model", fresh_input=1, output=10, effective_from=now - timedelta(days=1)
    )
    price_unpriced.delay_on_commit()
"""
# A thousand tokens at one dollar and a hundred at ten, per million.
COST = Decimal("0.002")


def priced(home: Site) -> int:
    return int(home.rows("SELECT count(*) FROM conversations_usagerecord WHERE cost_usd IS NOT NULL")[0][0])


def test_what_a_killed_worker_was_doing_is_done_by_the_next_exactly_once(home: Site) -> None:
    run(home, UNPRICED)
    with worker(home) as first:
        wait_for(lambda: priced(home) > 0)
        first.send_signal(signal.SIGKILL)
        first.wait()
    done_before = priced(home)

    with worker(home, "--schedule"):
        wait_for(lambda: priced(home) == ROWS, 240, lambda: f"{priced(home)} of {ROWS}")
        wait_for(lambda: spent(home) == ROWS * COST, otherwise=lambda: f"{spent(home)} spent")

    assert 0 < done_before < ROWS
    rows, cost = home.rows("SELECT count(*), sum(cost_usd) FROM conversations_usagerecord")[0]
    assert (rows, round(Decimal(str(cost)), 6)) == (ROWS, ROWS * COST)


def spent(home: Site) -> Decimal:
    """What the budget counts: it is told of every price as it is filled in."""
    return round(Decimal(str(home.rows("SELECT spent_usd FROM conversations_budgetaccount")[0][0])), 6)


def test_a_delivery_in_the_hands_of_a_killed_worker_is_made_by_the_next_with_the_same_id(
    home: Site, hook: Hook
) -> None:
    hook.statuses = [30.0]
    run(home, f"{RAISE}raise_test('carol')\ndeliver_alerts.offer()")
    with worker(home) as first:
        wait_for(lambda: hook.asked)
        first.send_signal(signal.SIGKILL)
        first.wait()
    run(home, "from conversations.models import Delivery\nDelivery.objects.update(next_try_at='2026-01-01T00:00:00Z')")

    with worker(home, "--schedule"):
        wait_for(lambda: delivered(home) == 1)

    assert len(hook.asked) == 2
    assert len(set(hook.asked)) == 1


# --- A broker that is down --------------------------------------------------------


@contextmanager
def server_of(home: Site, broker: Broker) -> Iterator[Site]:
    server = Site(home.data_dir, {**home.settings, **broker.settings})
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def out_of_order(home: Site) -> Iterator[None]:
    """The folder of the filesystem broker is a file."""
    folder = home.data_dir / "broker" / "messages"
    shutil.rmtree(folder)
    folder.touch()
    yield
    folder.unlink()


def send_tests(server: Site, times: int) -> list[int]:
    """An admin asks for so many test alerts; the status of each answer, none of which may take ten seconds."""
    with server.signed_in("carol") as carol:
        carol.timeout = 10
        return [carol.post("/admin/alerts/test/").status_code for _ in range(times)]


def test_while_the_broker_is_gone_requests_are_answered_and_the_work_is_done_afterwards(
    home: Site, broker: Broker, hook: Hook
) -> None:
    nowhere = broker.at(free_port()) if broker.url else broker
    with server_of(home, nowhere) as server, nullcontext() if broker.url else out_of_order(home):
        answers = send_tests(server, 3)

    with worker(home, "--schedule"):
        wait_for(lambda: delivered(home) == 3)

    assert answers == [302, 302, 302]
    # Said once, then the broker is left alone for a while; neither its password nor what was sent is told.
    assert server.log().count(UNREACHABLE) == 1
    assert "guest" not in server.log()
    assert len(hook.taken) == 3


@over_a_network
def test_a_broker_that_does_not_answer_costs_one_request_a_moment_and_no_work(
    home: Site, broker: Broker, hook: Hook
) -> None:
    with start_proxy(broker.port) as proxy:
        proxy.swallow()
        with server_of(home, broker.at(proxy.port)) as server:
            answers = send_tests(server, 3)

    with worker(home, "--schedule"):
        wait_for(lambda: delivered(home) == 3)

    assert answers == [302, 302, 302]
    assert server.log().count(UNREACHABLE) == 1
    assert len(hook.taken) == 3


@over_a_network
def test_a_broker_that_was_restarted_is_reached_again_at_once(home: Site, broker: Broker, hook: Hook) -> None:
    with start_proxy(broker.port) as proxy, server_of(home, broker.at(proxy.port)) as server:
        send_tests(server, 1)
        proxy.cut_open(how="reset")
        send_tests(server, 1)

        with worker(home):
            wait_for(lambda: delivered(home) == 2)

    assert UNREACHABLE not in server.log()
    assert len(hook.taken) == 2


# --- The folder of the embedded default -------------------------------------------


@pytest.mark.parametrize("broker", ["filesystem"], indirect=True)
def test_the_folder_does_not_grow(home: Site) -> None:
    folder = home.data_dir / "broker"
    (folder / "messages").mkdir(parents=True, exist_ok=True)
    old = folder / "messages" / "1_0.chatsite.msg"
    old.write_text("nobody took it")
    os.utime(old, (0, 0))

    with worker(home, "--schedule"):
        # The schedule began with all of it, and went on.
        wait_for(lambda: (home.data_dir / "celerybeat-schedule").exists())
        run(home, "from conversations.tasks import deliver_alerts\nfor _ in range(50): deliver_alerts.offer()")
        wait_for(lambda: list((folder / "messages").iterdir()) == [])

    assert sum(1 for path in folder.rglob("*") if path.is_file()) <= 3


@pytest.mark.parametrize("broker", ["filesystem"], indirect=True)
def test_a_killed_worker_leaves_no_process_behind_that_goes_on_sending(home: Site) -> None:
    with worker(home, "--schedule") as process:
        wait_for(lambda: (home.data_dir / "celerybeat-schedule").exists())
        family = psutil.Process(process.pid).children(recursive=True)

    assert family == []
