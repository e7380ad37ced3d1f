"""All settings, a heading per concern. Values come from `environment.py`; docs/settings.md has a line for each."""

import sys
from decimal import Decimal
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
    env_private_address,
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
    # Only `runserver` becomes another with it; no worker or command need load Twisted.
    *(["daphne"] if sys.argv[1:2] == ["runserver"] else []),
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
    "chatsite.requests.named_requests",
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
LANES = int(env_number("CHAT_LANES", 4, at_least=1))
# Connections are kept: opening one per request costs more than most requests.
if SQLITE:
    DATABASES["default"] |= {
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
else:
    # One for each lane, one for the runs, and as many as it takes to start and to end. Who looks for the database gives
    # up soon, so that the next one looks at once: else the waits between two looks double for minutes.
    pool = {"min_size": 1, "max_size": LANES + 3, "num_workers": 1, "timeout": 5, "reconnect_timeout": 5}
    DATABASES["default"] |= {"CONN_HEALTH_CHECKS": True}
    # A server that has vanished without a word is noticed: nobody waits for it for the quarter of an hour of TCP.
    vanished = {"connect_timeout": 5, "tcp_user_timeout": 15_000, "keepalives_idle": 10, "keepalives_interval": 5}
    # And the other way round: a process that stands still within a transaction does not keep its locks for ever.
    stalled = {"options": "-c idle_in_transaction_session_timeout=10s"}
    DATABASES["default"]["OPTIONS"] = {**vanished, **stalled, **DATABASES["default"].get("OPTIONS", {}), "pool": pool}

# --- Start ------------------------------------------------------------------

# What the first answers need is imported at once, which takes seconds of a core; not each time that a file is edited.
WARM_UP = env_bool("CHAT_WARM_UP", default=not DEBUG)

# --- Several processes ------------------------------------------------------

REDIS_URL = env("REDIS_URL")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # Without a time-out of its own: redis-py's would end the wait for news.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}
# Where answers are written: in the web process that took the question, or in processes of `manage.py rungenerator`.
RUNS_IN_GENERATORS = env_choice("CHAT_RUNS_IN", "web", "generators") == "generators"

# What each task does, and why nothing is lost with a broker or a worker: docs/workers.md.
CELERY_BROKER_URL = env_secret("CELERY_BROKER_URL") or "filesystem://localhost"
CELERY_TASK_DEFAULT_QUEUE = env("CELERY_QUEUE") or "chatsite"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
if CELERY_BROKER_URL.startswith("filesystem:"):
    BROKER_DIR = DATA_DIR / "broker"
    for folder in ("messages", "control"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.05,
    }
    CELERY_BROKER_TRANSPORT = "chatsite.folder_broker:Transport"
    # Nobody commands the worker of the embedded default, and listening for commands would double its polling.
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "global_keyprefix": f"{CELERY_TASK_DEFAULT_QUEUE}.",
        # A message that a dead worker had is given to another after this; every sweep is earlier.
        "visibility_timeout": 3600,
        "socket_connect_timeout": 1,
        "socket_timeout": 2,
        "socket_keepalive": True,
    }
elif CELERY_BROKER_URL.startswith("amqp"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"write_timeout": 2}
# A request must not wait for a broker: one attempt, and one more on a fresh connection.
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_BROKER_POOL_ACQUIRE_TIMEOUT = 1
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
# The worker looks for its broker for ever.
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = TIME_ZONE
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
# Seconds between two runs of each periodic task. All of them first ask whether there is anything to do.
PERIODIC_S = {
    "sweep_dead_runs": 5,
    "check_alerts": 60,
    "deliver_alerts": 15,
    "sweep_exports": 10,
    "expire_exports": 600,
    "price_unpriced": 600,
    "sweep_recomputes": 30,
    "learn_token_ratios": 3_600,
    "release_budgets": 60,
    "recount_budgets": 3_600,
    "roll_up_usage": 600,
}
# A call that no worker has taken by the time of the next ones is dropped: they do the same.
CELERY_BEAT_SCHEDULE = {
    task: {
        "task": f"conversations.tasks.{task}",
        "schedule": float(every_s),
        "options": {"expires": max(30, every_s)},
    }
    for task, every_s in PERIODIC_S.items()
}

# --- Static files -----------------------------------------------------------

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# With CHAT_STATIC_DIR, `collectstatic` puts them there under names with their hash, and browsers keep them for good.
# Without it they are served from where they are, and no collect step is needed.
COLLECTED = bool(env("CHAT_STATIC_DIR"))
STATIC_ROOT = Path(env("CHAT_STATIC_DIR") or DATA_DIR / "static")
STORAGES = {
    "staticfiles": {
        "BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"
        if COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
}
SERVESTATIC_USE_FINDERS = not COLLECTED
SERVESTATIC_USE_STATIC_ROOT = COLLECTED
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
SESSION_ENGINE = "conversations.signed_in"
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

AUTHENTICATION_BACKENDS = ["conversations.signed_in.Accounts"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "conversations.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
# Limits on signing in count by address: the one that the outermost of our own proxies saw.
ALLAUTH_TRUSTED_PROXY_COUNT = int(env_number("CHAT_TRUSTED_PROXIES", 0))
SIGNUP = env_choice("CHAT_SIGNUP", "open", "closed")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
MAILERS = {"default": env_mailer("CHAT_EMAIL_URL")}
CAN_MAIL = bool(env_secret("CHAT_EMAIL_URL"))
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

# --- Alerts -----------------------------------------------------------------

ALERT_EMAILS = env_list("CHAT_ALERT_EMAILS")
ALERT_WEBHOOK_URL = env_secret("CHAT_ALERT_WEBHOOK_URL")
ALERT_WEBHOOK_SECRET = env_secret("CHAT_ALERT_WEBHOOK_SECRET")
# A day above so many usual ones, a month above so many of the one before; below the minimum nobody is told of either.
ALERT_SPIKE = Decimal(str(env_number("CHAT_ALERT_SPIKE", 3, at_least=1)))
ALERT_PACE = Decimal(str(env_number("CHAT_ALERT_PACE", 1.5, at_least=1)))
ALERT_MINIMUM_USD = Decimal(str(env_number("CHAT_ALERT_MINIMUM", 1)))
WEEKLY_DIGEST = env_bool("CHAT_WEEKLY_DIGEST", default=True)

# --- Runs and their viewers -------------------------------------------------

CHECKPOINT_INTERVAL_S = 0.25
LEASE_S = 20
STREAM_LIFE_S = env_number("CHAT_STREAM_LIFE", 300, at_least=1)
STREAM_BYTES = int(env_number("CHAT_STREAM_BYTES", 2_000_000, at_least=1))
HEARTBEAT_S = env_number("CHAT_HEARTBEAT", 15, at_least=0.1)
DRAIN_S = env_number("CHAT_DRAIN", 10)

# --- Exports ----------------------------------------------------------------

# The web processes and the workers must share it.
EXPORT_DIR = Path(env("CHAT_EXPORT_DIR") or DATA_DIR / "exports")
EXPORT_DAYS = env_number("CHAT_EXPORT_DAYS", 7)
EXPORT_LINK_HOURS = env_number("CHAT_EXPORT_LINK_HOURS", 24)

# --- Logging ----------------------------------------------------------------

LOG_LEVEL = env("CHAT_LOG_LEVEL") or "INFO"
ACCESS_LOG = env_bool("CHAT_ACCESS_LOG", default=False)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "chatsite.logs.Line"}, "json": {"()": "chatsite.logs.JSONLine"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": env_choice("CHAT_LOG_FORMAT", "line", "json")}
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        **{name: {"level": LOG_LEVEL} for name in ("conversations", "providers", "chatsite")},
        # All these bring handlers of their own, which would write texts of exceptions, and lines of another form.
        "django": {"handlers": [], "level": "INFO"},
        **{name: {"handlers": ["console"], "level": "WARNING", "propagate": False} for name in ("uvicorn", "_granian")},
        # And these the queries in which people search.
        **{name: {"handlers": [], "level": "WARNING"} for name in ("uvicorn.access", "granian.access")},
    },
}

# --- Metrics ----------------------------------------------------------------

# Of this process, and of a worker, which often has the same environment.
METRICS = env_private_address("CHAT_METRICS")
WORKER_METRICS = env_private_address("CHAT_WORKER_METRICS")
