"""Reading the environment. The only file that does; `settings.py` only assigns what these functions return."""

import json
import os
import secrets
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

if (BASE_DIR / ".env").exists():
    environ.Env.read_env(str(BASE_DIR / ".env"))


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def env_bool(name: str, default: bool) -> bool:
    """Only `true` and `false` are accepted, so that a typing error is noticed."""
    value = env(name).lower() or str(default).lower()
    if value not in ("true", "false"):
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return value == "true"


def env_number(name: str, default: float, *, at_least: float = 0) -> float:
    value = env(name)
    try:
        number = float(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {value!r}.") from None
    if number < at_least:
        raise ImproperlyConfigured(f"{name} must be at least {at_least:g}, not {value!r}.")
    return number


def env_list(name: str) -> list[str]:
    return [item.strip() for item in env(name).split(",") if item.strip()]


def env_json(name: str, default: Any) -> Any:
    value = env(name)
    try:
        return json.loads(value) if value else default
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be JSON: {error}.") from None


def env_choice(name: str, *choices: str) -> str:
    """One of `choices`; the first is the default."""
    value = env(name) or choices[0]
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def env_secret(name: str) -> str:
    """The value of `name`, or the content of the file that `NAME_FILE` points at."""
    path = env(f"{name}_FILE")
    return Path(path).read_text().strip() if path else env(name)


def env_private_address(name: str) -> tuple[str, int] | None:
    """(host, port) of `host:port`, or None where it is not set. The public must not be able to reach it."""
    value = env(name)
    if not value:
        return None
    host, _, port = value.rpartition(":")
    try:
        found = {ip_address(each[4][0]) for each in socket.getaddrinfo(host.strip("[]"), int(port))}
    except (OSError, ValueError):
        raise ImproperlyConfigured(f"{name} must be an address and a port such as 127.0.0.1:9100.") from None
    if not host or any(address.is_global or address.is_unspecified for address in found):
        raise ImproperlyConfigured(f"{name} must be an address of this machine or of a private network, not {value}.")
    return host.strip("[]"), int(port)


def env_database(name: str, default: Path) -> dict[str, Any]:
    """A Django database setting from a URL such as `postgres://user@host/name`; SQLite at `default` without one."""
    return dict(environ.Env.db_url_config(env(name) or f"sqlite:///{default}"))


def env_mailer(name: str) -> dict[str, Any]:
    """A Django mailer from `smtp://user:password@host:port` (`smtp+tls://`, `smtp+ssl://`); the console without one."""
    url = env_secret(name)
    if not url:
        return {"BACKEND": "django.core.mail.backends.console.EmailBackend"}
    old = environ.Env.email_url_config(url)
    options = {
        "host": old["EMAIL_HOST"],
        "port": old["EMAIL_PORT"],
        "username": old["EMAIL_HOST_USER"],
        "password": old["EMAIL_HOST_PASSWORD"],
        "use_tls": old.get("EMAIL_USE_TLS", False),
        "use_ssl": old.get("EMAIL_USE_SSL", False),
        "timeout": 10,
    }
    return {"BACKEND": old["EMAIL_BACKEND"], "OPTIONS": options}


def provider_environment() -> dict[str, str]:
    """The names the companies' own SDKs honour, as far as they are set."""
    names = (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GOOGLE_GEMINI_BASE_URL",
    )
    return {name: value for name in names if (value := env_secret(name))}


def kept_secret(path: Path) -> str:
    """The secret in `path`, made on first use. Two processes that start together end up with the same one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_text(secrets.token_urlsafe(50))
        new.chmod(0o600)
        try:
            path.hardlink_to(new)
        except FileExistsError:
            pass
        finally:
            new.unlink()
    return path.read_text().strip()
