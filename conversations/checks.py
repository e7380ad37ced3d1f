"""System checks: what would fail at night is said at the start, with an id and a hint."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

COMPATIBLE_SERVER_FIELDS = {"name", "base_url", "api_key", "models"}
BUILT_IN_PROVIDERS = {"openai", "anthropic", "google", "demo"}


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
    if server["name"] in BUILT_IN_PROVIDERS or ":" in server["name"]:
        return f"the name {server['name']!r} is taken or has a colon"
    return ""


@register
def models_name_known_providers(**_: Any) -> list[CheckMessage]:
    known = BUILT_IN_PROVIDERS | {server.get("name") for server in settings.COMPATIBLE_SERVERS}
    return [
        Error(
            f"CHAT_MODELS: {model!r} does not begin with the name of a provider.",
            hint=f"Models are named provider:model; the providers are {', '.join(sorted(known))}.",
            id="conversations.E003",
        )
        for model in settings.MODELS
        if model.partition(":")[0] not in known or not model.partition(":")[2]
    ]
