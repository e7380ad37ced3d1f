"""System checks: what would fail at night is said at the start, with an id and a hint."""

import binascii
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.module_loading import import_string

from conversations.accounting.alerts.webhook import secret_bytes
from providers.registry import BUILT_IN

COMPATIBLE_SERVER_FIELDS = {"name", "base_url", "api_key", "models"}


@register
def every_middleware_is_async(**_: Any) -> list[CheckMessage]:
    """One sync middleware pins a thread per open stream."""
    sync_only = [path for path in settings.MIDDLEWARE if not getattr(import_string(path), "async_capable", False)]
    return [
        Error(
            f"The middleware {path} is not async_capable.",
            hint="It would hold one thread for every open stream. Replace it or make it async_capable.",
            id="conversations.E001",
        )
        for path in sync_only
    ]


@register
def compatible_servers_are_whole(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"CHAT_COMPATIBLE_SERVERS: {problem}.",
            hint='Each server is {"name": ..., "base_url": ..., "api_key": ..., "models": [...]}.',
            id="conversations.E002",
        )
        for server in settings.COMPATIBLE_SERVERS
        if (problem := problem_with(server))
    ]


def problem_with(server: Any) -> str:
    if not isinstance(server, dict) or set(server) != COMPATIBLE_SERVER_FIELDS:
        return f"a server has the fields {', '.join(sorted(COMPATIBLE_SERVER_FIELDS))} and no others"
    if server["name"] in BUILT_IN or ":" in server["name"]:
        return f"the name {server['name']!r} is taken or has a colon"
    return ""


@register
def models_name_known_providers(**_: Any) -> list[CheckMessage]:
    known = BUILT_IN | {server.get("name") for server in settings.COMPATIBLE_SERVERS}
    return [
        Error(
            f"CHAT_MODELS: {model!r} does not begin with the name of a provider.",
            hint=f"Models are named provider:model; the providers are {', '.join(sorted(known))}.",
            id="conversations.E003",
        )
        for model in settings.MODELS
        if model.partition(":")[0] not in known or not model.partition(":")[2]
    ]


@register
def collected_files_are_there(**_: Any) -> list[CheckMessage]:
    """Without them every page would fail."""
    if not settings.COLLECTED or (settings.STATIC_ROOT / "staticfiles.json").exists():
        return []
    hint = "Run `manage.py collectstatic --no-input` before each start of a new version."
    return [Warning("CHAT_STATIC_DIR holds no collected files.", hint=hint, id="conversations.W004")]


# --- Workers and alerts -------------------------------------------------------

BROKERS = ("filesystem", "redis", "rediss", "redis+socket", "amqp", "amqps", "pyamqp")


@register
def the_broker_is_one_we_know(**_: Any) -> list[CheckMessage]:
    scheme = settings.CELERY_BROKER_URL.partition(":")[0]
    if scheme in BROKERS:
        return []
    hint = f"It begins with one of {', '.join(BROKERS)} and ://, or is not set."
    return [Error(f"CELERY_BROKER_URL: there is no broker {scheme!r}.", hint=hint, id="conversations.E010")]


@register
def alerts_reach_somebody(**_: Any) -> list[CheckMessage]:
    """Addresses and a webhook that cannot work; no secret is told."""
    found: list[CheckMessage] = []
    for address in settings.ALERT_EMAILS:
        if not is_address(address):
            found.append(Error(f"CHAT_ALERT_EMAILS: {address!r} is not an address.", id="conversations.E011"))
    if settings.ALERT_EMAILS and not settings.CAN_MAIL:
        hint = "Set CHAT_EMAIL_URL to a mail server, or unset CHAT_ALERT_EMAILS."
        found.append(Warning("CHAT_ALERT_EMAILS is set, but no mail server.", hint=hint, id="conversations.W011"))
    if settings.ALERT_WEBHOOK_URL:
        found += webhook_problems(settings.ALERT_WEBHOOK_URL, settings.ALERT_WEBHOOK_SECRET)
    return found


def webhook_problems(url: str, secret: str) -> list[CheckMessage]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        hint = "It is an address that begins with https:// or http://."
        return [Error("CHAT_ALERT_WEBHOOK_URL is not an address.", hint=hint, id="conversations.E012")]
    if not secret:
        hint = "With CHAT_ALERT_WEBHOOK_SECRET its receiver can tell that alerts come from this site."
        return [Warning("CHAT_ALERT_WEBHOOK_URL is set without a secret.", hint=hint, id="conversations.W012")]
    try:
        secret_bytes(secret)
    except binascii.Error:
        hint = "After whsec_ comes base64; a secret that does not begin so may be any text."
        return [Error("CHAT_ALERT_WEBHOOK_SECRET cannot be decoded.", hint=hint, id="conversations.E013")]
    return []


def is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
