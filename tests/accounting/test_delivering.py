"""Deliveries: signed, tried again while they fail, given up after a day; a bad letter stops no other."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from chatsite.environment import env_mailer
from conversations.accounting.alerts.delivering import HOLD, LONGEST_WAIT_S, deliver_due, wait_after
from conversations.accounting.alerts.receivers import deliveries_for
from conversations.accounting.alerts.webhook import signature
from conversations.models import Alert, Delivery
from tests.hooked import SECRET, Hook, hooked
from tests.mailbox import Mailbox, mailbox

pytestmark = pytest.mark.django_db

# SQLite's clock counts in milliseconds: what is due since less than one may still wait.
A_MOMENT = timedelta(seconds=1)


@pytest.fixture
def hook(settings: Any) -> Iterator[Hook]:
    with hooked() as receiver:
        settings.ALERT_WEBHOOK_URL, settings.ALERT_WEBHOOK_SECRET = receiver.url, SECRET
        yield receiver


@pytest.fixture
def box(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with mailbox() as receiving:
        monkeypatch.setenv("CHAT_EMAIL_URL", receiving.url)
        settings.MAILERS = {"default": env_mailer("CHAT_EMAIL_URL")}
        settings.CAN_MAIL = True
        settings.ALERT_EMAILS = ["minder@example.org"]
        yield receiving


def raised(number: int = 1) -> Alert:
    alert = Alert(
        kind="test", subject=f"test {number}", first_day=date(2026, 11, 16), title="A test", facts={"by": "carol"}
    )
    assert alert.raise_once(deliveries_for(alert))
    return alert


def later(wait: timedelta = timedelta(hours=5)) -> None:
    """As if so much time and a moment had passed for everything that waits."""
    for delivery in Delivery.objects.exclude(next_try_at=None):
        Delivery.objects.filter(pk=delivery.pk).update(next_try_at=delivery.next_try_at - wait - A_MOMENT)


def only() -> Delivery:
    return Delivery.objects.get()


# --- webhook ------------------------------------------------------------------


def test_a_post_is_signed_so_that_its_receiver_can_tell(hook: Hook) -> None:
    alert = raised()

    deliver_due()

    [(key, content)] = hook.taken
    assert key == f"msg_{alert.pk.hex}"
    assert content["type"] == "alert.test"
    assert content["data"]["title"] == "A test"
    assert only().state == "delivered"


def test_a_signature_is_that_of_the_specification() -> None:
    # The example of standardwebhooks.com.
    secret, key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"

    assert (
        signature(secret, key, 1614265330, b'{"test": 2432232314}') == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_a_receiver_that_knows_another_secret_refuses_it_and_it_is_kept(hook: Hook, settings: Any) -> None:
    settings.ALERT_WEBHOOK_SECRET = "another"
    raised()

    deliver_due()

    assert (hook.refused, only().state, only().last_error) == (1, "waiting", "HTTP 401")


def test_a_receiver_that_fails_gets_the_same_id_again_until_it_takes_it(hook: Hook) -> None:
    hook.statuses = [500, 503]
    raised()
    for _ in range(4):
        deliver_due()
        later()

    assert len(hook.asked) == 3
    assert len(set(hook.asked)) == 1
    assert len(hook.taken) == 1
    assert (only().attempts, only().state, only().last_error) == (3, "delivered", "")


def test_before_its_time_nothing_is_tried_again(hook: Hook) -> None:
    hook.statuses = [500]
    raised()
    deliver_due()

    deliver_due()

    assert len(hook.asked) == 1


def test_a_redirect_is_not_followed(hook: Hook) -> None:
    hook.statuses = [302]
    raised()

    deliver_due()

    assert (len(hook.asked), only().last_error) == (1, "HTTP 302")


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(hook: Hook) -> None:
    hook.statuses = [410]
    raised()

    deliver_due()

    assert only().state == "given up"


def test_after_a_day_it_is_given_up(hook: Hook) -> None:
    hook.statuses = [500]
    alert = raised()
    Alert.objects.filter(pk=alert.pk).update(created_at=timezone.now() - timedelta(days=1))

    deliver_due()

    assert (only().state, only().last_error) == ("given up", "HTTP 500")


def test_a_receiver_that_is_not_there_is_tried_again(settings: Any) -> None:
    settings.ALERT_WEBHOOK_URL = "http://127.0.0.1:9/"
    raised()

    deliver_due()

    assert only().state == "waiting"
    assert "refused" in only().last_error


@given(attempts=st.integers(1, 50))
def test_waits_grow_to_hours_and_never_beyond(attempts: int) -> None:
    wait = wait_after(attempts).total_seconds()

    assert 24 <= wait <= LONGEST_WAIT_S * 1.2


# --- claims -------------------------------------------------------------------


def test_a_delivery_that_somebody_holds_is_not_tried_by_another(hook: Hook) -> None:
    raised()
    assert only().claim(HOLD)

    deliver_due()

    assert hook.asked == []


def test_what_a_killed_worker_held_is_delivered_by_the_next(hook: Hook) -> None:
    raised()
    assert only().claim(HOLD)
    later(HOLD)

    deliver_due()

    assert (len(hook.taken), only().state, only().attempts) == (1, "delivered", 2)


def test_of_two_who_see_the_same_delivery_one_may_try(hook: Hook) -> None:
    raised()
    first, second = only(), only()

    assert [first.claim(HOLD), second.claim(HOLD)] == [True, False]


def test_a_late_failure_of_an_earlier_attempt_changes_nothing(hook: Hook) -> None:
    raised()
    early = only()
    early.claim(HOLD)
    later(HOLD)
    deliver_due()

    early.fail("too late", None)

    assert only().state == "delivered"


# --- mail ---------------------------------------------------------------------


def test_a_mail_goes_through_a_real_mail_server_in_two_versions(box: Mailbox) -> None:
    raised()

    deliver_due()

    [mail] = box.mails
    assert box.receivers == ["minder@example.org"]
    assert mail["subject"] == "[Chatsite] A test alert from Chatsite"
    assert mail["auto-submitted"] == "auto-generated"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None and html is not None
    assert "Alerts reach this address." in plain.get_content()
    assert "<p>Alerts reach this address." in html.get_content()


def test_a_mail_server_that_is_busy_gets_it_later(box: Mailbox) -> None:
    box.refusing = True
    raised()
    deliver_due()
    waiting = only()
    box.refusing = False
    later()

    deliver_due()

    assert (waiting.state, "451" in waiting.last_error) == ("waiting", True)
    assert (len(box.mails), only().state) == (1, "delivered")


def test_a_name_with_markup_is_text_in_the_mail(box: Mailbox, settings: Any) -> None:
    settings.SITE_NAME = "<b>Chat</b> & Co"
    raised()

    deliver_due()

    html = box.mails[0].get_body(("html",))
    assert html is not None
    assert "&lt;b&gt;Chat&lt;/b&gt; &amp; Co" in html.get_content()


def test_a_letter_that_cannot_be_written_holds_up_no_other(box: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    broken = raised(1)
    Alert.objects.filter(pk=broken.pk).update(facts={})
    raised(2)

    assert deliver_due() == 1

    assert len(box.mails) == 1
    assert "cannot be written" in caplog.text
