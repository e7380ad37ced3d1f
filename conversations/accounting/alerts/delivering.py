"""Getting alerts to their receivers: tried again for a day, with growing waits, whoever is killed in between."""

import logging
import random
import time
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.utils import timezone

from conversations.accounting.alerts import webhook
from conversations.accounting.alerts.letters import letter_of
from conversations.accounting.alerts.mails import mail_of
from conversations.models import Alert, Delivery

log = logging.getLogger(__name__)

# Longer than any attempt takes. When its process dies, the next sweep after this tries again.
HOLD = timedelta(minutes=2)
FIRST_WAIT_S = 30.0
WAIT_GROWS = 4
LONGEST_WAIT_S = 4 * 3600.0
GIVE_UP_AFTER = timedelta(days=1)
MOST_AT_ONCE = 100


def deliver_due() -> int:
    """Try everything whose time has come. Returns how many deliveries succeeded."""
    due = Delivery.objects.due().select_related("alert")[:MOST_AT_ONCE]
    return sum(deliver(delivery) for delivery in due if delivery.claim(HOLD))


def deliver(delivery: Delivery) -> bool:
    """One attempt at a delivery that has been claimed."""
    try:
        send(delivery)
    except webhook.NotAccepted as error:
        put_off(delivery, str(error), final=error.final)
    except (SMTPException, OSError) as error:
        put_off(delivery, webhook.why(error))
    except Exception as error:
        # One letter that cannot be written must not hold up all others.
        log.exception("alert %s cannot be written", delivery.alert_id)
        put_off(delivery, f"{type(error).__name__}: {error}")
    else:
        delivery.succeed()
        return True
    return False


def send(delivery: Delivery) -> None:
    if delivery.channel == Delivery.Channel.EMAIL:
        mail_of(delivery).send()
        return
    alert = delivery.alert
    url, secret = settings.ALERT_WEBHOOK_URL, settings.ALERT_WEBHOOK_SECRET
    webhook.post(url, secret, alert.webhook_key, int(time.time()), content_of(alert))


def content_of(alert: Alert) -> dict[str, object]:
    """What the webhook says; `text` is what the mail says."""
    letter = letter_of(alert, personal=False)
    return {
        "type": f"alert.{alert.kind}",
        "timestamp": alert.created_at.isoformat(),
        "data": {
            "title": alert.title,
            "text": "\n\n".join(letter.paragraphs),
            "link": letter.link,
            "subject": alert.subject,
            "first_day": alert.first_day.isoformat(),
            "level": alert.level,
            "user_key": alert.user_key,
            **alert.facts,
        },
    }


def put_off(delivery: Delivery, error: str, *, final: bool = False) -> None:
    """Try again later, or give up after a day."""
    wait = wait_after(delivery.attempts)
    over = timezone.now() + wait > delivery.alert.created_at + GIVE_UP_AFTER
    delivery.fail(error, None if final or over else wait)
    log.warning("alert %s was not delivered by %s, attempt %s", delivery.alert_id, delivery.channel, delivery.attempts)


def wait_after(attempts: int) -> timedelta:
    """30 s, 2 min, 8 min, 32 min, 2 h, then every 4 h, each a fifth more or less."""
    seconds = min(FIRST_WAIT_S * WAIT_GROWS ** (attempts - 1), LONGEST_WAIT_S)
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))
