"""What would fail at night is said at the start, and no secret is said with it."""

from pathlib import Path
from typing import Any

import pytest

from conversations.checks import alerts_reach_somebody, collected_files_are_there, the_broker_is_one_we_know


def found(settings: Any, **values: Any) -> list[str]:
    """The ids of what the checks of workers and alerts say of these settings."""
    for name, value in values.items():
        setattr(settings, name, value)
    messages = [*the_broker_is_one_we_know(), *alerts_reach_somebody()]
    assert not any("hush" in str(message) for message in messages)
    return [str(message.id).removeprefix("conversations.") for message in messages]


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({}, []),
        ({"CELERY_BROKER_URL": "redis://:hush@127.0.0.1/0"}, []),
        ({"CELERY_BROKER_URL": "kafka://hush@127.0.0.1"}, ["E010"]),
        ({"CAN_MAIL": True, "ALERT_EMAILS": ["a@example.org", "nobody"]}, ["E011"]),
        ({"CAN_MAIL": False, "ALERT_EMAILS": ["a@example.org"]}, ["W011"]),
        ({"ALERT_WEBHOOK_URL": "ftp://hush.example.org"}, ["E012"]),
        ({"ALERT_WEBHOOK_URL": "hush.example.org/x"}, ["E012"]),
        ({"ALERT_WEBHOOK_URL": "https://example.org/hush"}, ["W012"]),
        ({"ALERT_WEBHOOK_URL": "https://example.org/hush", "ALERT_WEBHOOK_SECRET": "whsec_hush!"}, ["E013"]),
        ({"ALERT_WEBHOOK_URL": "https://example.org/hush", "ALERT_WEBHOOK_SECRET": "whsec_aHVzaA=="}, []),
        ({"ALERT_WEBHOOK_URL": "https://example.org/hush", "ALERT_WEBHOOK_SECRET": "any hush"}, []),
    ],
)
def test_odd_settings_of_workers_and_alerts_are_told(settings: Any, values: dict[str, Any], ids: list[str]) -> None:
    assert found(settings, **values) == ids


def test_a_folder_of_static_files_that_nobody_filled_is_told(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    unasked = collected_files_are_there()
    settings.COLLECTED = True
    (empty,) = collected_files_are_there()
    (tmp_path / "staticfiles.json").touch()
    filled = collected_files_are_there()

    assert (unasked, filled) == ([], [])
    assert "collectstatic" in str(empty.hint)
