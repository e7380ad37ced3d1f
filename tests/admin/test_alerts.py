"""Alerts in the admin: what was said to whom, and a test alert; no secret of the settings is shown."""

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conversations.models import Alert, Delivery
from tests.admin.conftest import person, signed_in

pytestmark = pytest.mark.django_db
TEST_PAGE = "/admin/alerts/test/"


@pytest.fixture(autouse=True)
def receivers(settings: Any) -> None:
    settings.CAN_MAIL = True
    settings.ALERT_EMAILS = ["minder@example.org"]
    settings.ALERT_WEBHOOK_URL = "https://user:hush@hooks.example.org/hush"
    settings.ALERT_WEBHOOK_SECRET = "hush"


def test_the_page_says_who_gets_alerts_and_no_secret(carol: Client) -> None:
    page = carol.get(TEST_PAGE).content.decode()

    assert "minder@example.org" in page
    assert "hooks.example.org" in page
    assert "Signed." in page
    assert "hush" not in page


def test_a_test_alert_goes_to_everybody_who_would_get_a_real_one(carol: Client) -> None:
    response = carol.post(TEST_PAGE)

    alert = Alert.objects.get(kind="test")
    assert response["location"] == reverse("admin:conversations_alert_change", args=[alert.pk])
    assert set(alert.deliveries.values_list("channel", "receiver")) == {
        ("webhook", ""),
        ("email", "minder@example.org"),
    }


def test_without_receivers_it_says_so(carol: Client, settings: Any) -> None:
    settings.CAN_MAIL, settings.ALERT_WEBHOOK_URL = False, ""

    page = carol.post(TEST_PAGE, follow=True).content.decode()

    assert "There is nobody to tell" in page


def test_an_alert_says_how_it_stands_with_everybody(carol: Client) -> None:
    alert = Alert(kind="test", subject="a test", first_day=date(2026, 11, 1), title="A test", facts={"by": "carol"})
    alert.raise_once([Delivery(channel="webhook"), Delivery(channel="email", receiver="minder@example.org")])
    delivery = alert.deliveries.get(channel="email")
    delivery.fail("Connection refused", None)

    page = carol.get(reverse("admin:conversations_alert_change", args=[alert.pk])).content.decode()
    listed = carol.get(reverse("admin:conversations_alert_changelist")).content.decode()

    assert "Alerts reach this address." in page
    assert "Connection refused" in page
    assert "1 waiting, 1 given up" in listed


@pytest.mark.parametrize("address", [TEST_PAGE, "/admin/conversations/alert/"])
def test_only_who_may_see_the_reports_may_see_alerts(address: str) -> None:
    other, minder = person("dave", "conversations.view_conversation"), person("erin", "conversations.view_usagerecord")

    assert signed_in(other).get(address).status_code == 403
    assert signed_in(minder).get(address).status_code == 200
