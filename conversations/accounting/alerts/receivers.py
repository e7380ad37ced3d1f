"""Who hears of an alert: those who mind the bill, the person whose budget it is, and a webhook."""

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth import get_user_model

from conversations.models import Alert, Delivery


def deliveries_for(alert: Alert, *, for_staff: bool = True) -> Iterator[Delivery]:
    """One unsaved delivery per receiver. Without a mail server nobody is written to; the admin shows every alert."""
    if settings.ALERT_WEBHOOK_URL and alert.kind != Alert.Kind.DIGEST:
        yield Delivery(channel=Delivery.Channel.WEBHOOK)
    if not settings.CAN_MAIL:
        return
    own = address_of(alert.user_key) if alert.user_key is not None else ""
    if own:
        yield Delivery(channel=Delivery.Channel.EMAIL, receiver=own, personal=True)
    if for_staff:
        for address in staff_addresses():
            if address != own:
                yield Delivery(channel=Delivery.Channel.EMAIL, receiver=address)


def staff_addresses() -> list[str]:
    """CHAT_ALERT_EMAILS, or else all active staff who may see usage reports and have an address."""
    if settings.ALERT_EMAILS:
        return sorted(set(settings.ALERT_EMAILS))
    minders = get_user_model().objects.with_perm("conversations.view_usagerecord")
    return sorted(set(minders.filter(is_staff=True).exclude(email="").values_list("email", flat=True)))


def address_of(user_key: int) -> str:
    """Empty when the account is gone, not active or has none."""
    people = get_user_model().objects.filter(pk=user_key, is_active=True)
    return str(people.values_list("email", flat=True).first() or "")
