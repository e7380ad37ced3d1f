"""Alerts as mails: plain text with simple HTML beside it; a digest brings its table."""

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from conversations.accounting.alerts.digest import digest_of, table_of
from conversations.accounting.alerts.letters import letter_of
from conversations.models import Alert, Delivery

# Nobody's holiday notice answers a machine.
HEADERS = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


def mail_of(delivery: Delivery) -> EmailMultiAlternatives:
    """The mail, ready to be sent."""
    alert = delivery.alert
    if alert.kind == Alert.Kind.DIGEST:
        digest = digest_of(alert)
        mail = written(delivery, alert.title, "digest", digest=digest)
        mail.attach(f"usage-{digest.week.first_day}.csv", table_of(digest.week), "text/csv")
        return mail
    letter = letter_of(alert, personal=delivery.personal)
    return written(delivery, letter.subject, "letter", letter=letter)


def written(delivery: Delivery, subject: str, page: str, **context: object) -> EmailMultiAlternatives:
    """templates/mails/<page>.txt and .html, addressed."""
    context |= {"site_name": settings.SITE_NAME}
    mail = EmailMultiAlternatives(
        f"[{settings.SITE_NAME}] {' '.join(subject.split())}",
        render_to_string(f"mails/{page}.txt", context),
        to=[delivery.receiver],
        headers={**HEADERS, "Message-ID": f"<{delivery.alert_id.hex}.{delivery.pk}@{domain()}>"},
    )
    mail.attach_alternative(render_to_string(f"mails/{page}.html", context), "text/html")
    return mail


def domain() -> str:
    """That of the sender: with the same Message-ID in every attempt, mailboxes can tell a repetition."""
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
