"""All settings, a heading per concern. Values come from `environment.py`; docs/settings.md has a line for each."""

from pathlib import Path
from urllib.parse import urlsplit

from django.utils.csp import CSP

from chatsite.environment import (
    BASE_DIR,
    env,
    env_bool,
    env_choice,
    env_database,
    env_json,
    env_list,
    env_mailer,
    env_number,
    env_secret,
    kept_secret,
    provider_environment,
)

# --- Where things are -------------------------------------------------------

DATA_DIR = Path(env("CHAT_DATA_DIR") or BASE_DIR / "var")
DATA_DIR.mkdir(parents=True, exist_ok=True)
SITE_URL = env("CHAT_SITE_URL")
HTTPS = SITE_URL.startswith("https://")

# --- Django -----------------------------------------------------------------

DEBUG = env_bool("DJANGO_DEBUG", default=False)
SECRET_KEY = env_secret("DJANGO_SECRET_KEY") or kept_secret(DATA_DIR / "secret_key")
ALLOWED_HOSTS = env_list("DJANGO_ALLOWED_HOSTS") or [
    urlsplit(SITE_URL).hostname or "",
    "localhost",
    "127.0.0.1",
    "[::1]",
    *([env("HOST")] if env("HOST") else []),
]
if env("HOST") == "0.0.0.0" and not SITE_URL and not env("DJANGO_ALLOWED_HOSTS"):  # noqa: S104
    ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "chatsite.urls"
ASGI_APPLICATION = "chatsite.asgi.application"
INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "conversations",
]
# Every middleware must be async_capable: a check says so (conversations/checks.py).
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "conversations.views.context.site",
            ],
        },
    },
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = env("CHAT_TIME_ZONE") or "UTC"
USE_TZ = True
SITE_NAME = env("CHAT_SITE_NAME") or "Chatsite"

# --- Database ---------------------------------------------------------------

DATABASES = {"default": env_database("DATABASE_URL", DATA_DIR / "db.sqlite3")}
SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
# One connection per lane, kept (chatsite/asgi.py): opening one per request costs more than most requests.
DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
if SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }

# --- Several processes ------------------------------------------------------

REDIS_URL = env("REDIS_URL")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}
# Without Redis there is one process, so at its start every run of an earlier one is known to be dead.
SINGLE_PROCESS = not REDIS_URL
LANES = int(env_number("CHAT_LANES", 4, at_least=1))

CELERY_BROKER_URL = env("CELERY_BROKER_URL") or "filesystem://"
if CELERY_BROKER_URL == "filesystem://":
    BROKER_DIR = DATA_DIR / "broker"
    for folder in ("messages", "control"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.05,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "end runs whose process is gone": {"task": "conversations.tasks.sweep_dead_runs", "schedule": 5.0},
}

# --- Static files -----------------------------------------------------------

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
# Files are served from where they are, with their hash in the query, so that no collect step is needed.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_USE_STATIC_ROOT = False
SERVESTATIC_AUTOREFRESH = DEBUG
SERVESTATIC_MAX_AGE = 0 if DEBUG else 3600

# --- Security ---------------------------------------------------------------

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
    "object-src": [CSP.NONE],
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
CSRF_TRUSTED_ORIGINS = [SITE_URL.rstrip("/")] if SITE_URL else []
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
SILENCED_SYSTEM_CHECKS: list[str] = []

# --- Accounts ---------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "conversations.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
SIGNUP = env_choice("CHAT_SIGNUP", "open", "closed")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
MAILERS = {"default": env_mailer("CHAT_EMAIL_URL")}
DEFAULT_FROM_EMAIL = env("CHAT_FROM_EMAIL") or "chat@localhost"

# --- Models and answers -----------------------------------------------------

PROVIDER_ENVIRONMENT = provider_environment()
COMPATIBLE_SERVERS = env_json("CHAT_COMPATIBLE_SERVERS", default=[])
MODELS = env_list("CHAT_MODELS")
TITLES = env_choice("CHAT_TITLES", "model", "question")
CONNECT_TIMEOUT_S = env_number("CHAT_CONNECT_TIMEOUT", 5, at_least=0.1)
FIRST_EVENT_TIMEOUT_S = env_number("CHAT_FIRST_EVENT_TIMEOUT", 120, at_least=0.1)
BETWEEN_EVENTS_TIMEOUT_S = env_number("CHAT_BETWEEN_EVENTS_TIMEOUT", 30, at_least=0.1)
LONGEST_RUN_S = env_number("CHAT_LONGEST_RUN", 1800, at_least=1)
LONGEST_ANSWER = int(env_number("CHAT_LONGEST_ANSWER", 400_000, at_least=1))
LONGEST_QUESTION = int(env_number("CHAT_LONGEST_QUESTION", 200_000, at_least=1))

# Attempts per model before its fallbacks are asked, and the waits between them.
ATTEMPTS = int(env_number("CHAT_ATTEMPTS", 3, at_least=1))
FIRST_RETRY_WAIT_S = env_number("CHAT_FIRST_RETRY_WAIT", 0.5)
LONGEST_RETRY_WAIT_S = env_number("CHAT_LONGEST_RETRY_WAIT", 10)
FALLBACKS = env_json("CHAT_FALLBACKS", default={})
FALLBACK_CONTINUES = env_bool("CHAT_FALLBACK_CONTINUES", default=False)

# The answer cache: off unless a model is listed here or ticked in the admin.
CACHED_MODELS = env_list("CHAT_CACHED_MODELS")
CACHE_TTL_S = int(env_number("CHAT_CACHE_TTL", 3600, at_least=1))
CACHE_SHARED = env_bool("CHAT_CACHE_SHARED", default=False)
CACHE_HOTTEST = env_number("CHAT_CACHE_HOTTEST", 0)
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "answers": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "answer_cache"},
}

# --- Limits -----------------------------------------------------------------

RUNS_PER_USER = int(env_number("CHAT_RUNS_PER_USER", 3, at_least=1))
RUNS_PER_PROCESS = int(env_number("CHAT_RUNS_PER_PROCESS", 50, at_least=1))
QUEUE_LENGTH = int(env_number("CHAT_QUEUE_LENGTH", 50))
MESSAGES_PER_MINUTE = int(env_number("CHAT_MESSAGES_PER_MINUTE", 30, at_least=1))

# --- Runs and their viewers -------------------------------------------------

CHECKPOINT_INTERVAL_S = 0.25
LEASE_S = 20
STREAM_LIFE_S = env_number("CHAT_STREAM_LIFE", 300, at_least=1)
STREAM_BYTES = int(env_number("CHAT_STREAM_BYTES", 2_000_000, at_least=1))
HEARTBEAT_S = env_number("CHAT_HEARTBEAT", 15, at_least=0.1)
DRAIN_S = env_number("CHAT_DRAIN", 10)

# --- Logging ----------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        name: {"level": env("CHAT_LOG_LEVEL") or "INFO"} for name in ("conversations", "providers", "chatsite")
    },
}
