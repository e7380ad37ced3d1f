"""Alerts: what somebody should hear of, once; and who has been told, who is still to be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

LONGEST_ERROR = 300


class Alert(models.Model):
    """Something about the bill that somebody should know: once per kind, subject, period and level.

    `facts` are what mails and webhooks say: money as text with all its digits. `user_key` is the person it is about,
    a plain key, so that the alert outlives the account.
    """

    class Kind(models.TextChoices):
        BUDGET = "budget", "part of a budget spent"
        PACE = "pace", "a month that will end too high"
        SPIKE = "spike", "an unusually dear day"
        UNPRICED = "unpriced", "a model without a price"
        DIGEST = "digest", "the week in figures"
        TEST = "test", "a test"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False, db_index=True)
    kind = models.CharField(max_length=10, choices=Kind)
    subject = models.CharField(max_length=250, help_text="What it is about: a budget's account, the site, a model.")
    first_day = models.DateField(help_text="The first day of the period it is about, in the site's time zone.")
    level = models.PositiveSmallIntegerField(default=0, help_text="Per cent of a budget; 0 for alerts without levels.")
    user_key = models.BigIntegerField(null=True)
    title = models.CharField(max_length=200)
    facts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject", "first_day", "level"], name="one_alert_per_period"),
        ]
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.title

    def raise_once(self, deliveries: Iterable[Delivery]) -> bool:
        """Store it with its deliveries. False when the same has been raised before: the constraint knows."""
        try:
            with transaction.atomic():
                self.save(force_insert=True)
                for delivery in deliveries:
                    delivery.alert = self
                    delivery.save(force_insert=True)
        except IntegrityError:
            return False
        return True

    @classmethod
    def forget(cls, user_key: int, address: str) -> None:
        """What was about somebody, and their address: part of deleting an account."""
        cls.objects.filter(user_key=user_key).delete()
        if address:
            Delivery.objects.filter(receiver__iexact=address).delete()

    @property
    def webhook_key(self) -> str:
        """The same in every attempt, so that a receiver can tell a repetition."""
        return f"msg_{self.pk.hex}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self) -> DeliveryQuerySet:
        """Those to be tried now, the longest waiting first."""
        return self.filter(next_try_at__lte=Now()).order_by("next_try_at")


class Delivery(models.Model):
    """One alert on its way to one receiver. WAITING (next_try_at is set) -> delivered | given up (it is not).

    Whoever tries holds it for a while by moving `next_try_at`; if its process dies, the next sweep tries again. So a
    receiver may get an alert twice, never not at all.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", "e-mail"
        WEBHOOK = "webhook"

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=7, choices=Channel)
    receiver = models.CharField(max_length=254, blank=True, help_text="An address; empty for the webhook.")
    personal = models.BooleanField(default=False, help_text="Written to the person it is about.")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, db_default=Now())
    delivered_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=LONGEST_ERROR, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["alert", "channel", "receiver"], name="one_delivery_per_receiver"),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(next_try_at__isnull=False), name="waiting_deliveries"),
        ]

    def __str__(self) -> str:
        return f"{self.alert} to {self.receiver or 'the webhook'}"

    @property
    def state(self) -> str:
        if self.delivered_at:
            return "delivered"
        return "waiting" if self.next_try_at else "given up"

    def claim(self, hold: timedelta) -> bool:
        """Take it for one attempt. False when somebody else has."""
        won = Delivery.objects.due().order_by().filter(pk=self.pk, attempts=self.attempts)
        if won.update(next_try_at=Now() + hold, attempts=F("attempts") + 1) != 1:
            return False
        self.attempts += 1
        return True

    def succeed(self) -> None:
        Delivery.objects.filter(pk=self.pk, delivered_at=None).update(
            delivered_at=Now(), next_try_at=None, last_error=""
        )

    def fail(self, error: str, wait: timedelta | None) -> None:
        """Try again after `wait`; None: give up. Nothing to say when a later attempt has begun."""
        mine = Delivery.objects.filter(pk=self.pk, attempts=self.attempts, delivered_at=None)
        mine.update(next_try_at=None if wait is None else Now() + wait, last_error=error[:LONGEST_ERROR])
