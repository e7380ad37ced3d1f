"""What a process of the site imports before it reads its settings: four fifths of its start. See processes.py.

Not what installs an event loop (Daphne's server), nor what wants Django's settings.
"""

import gc
from importlib import import_module

from conversations.rendering import colouring

PACKAGES = (
    "django.core.handlers.asgi",
    "django.core.management.commands.shell",
    "django.db.migrations.executor",
    "django.contrib.admin.widgets",
    "django_htmx.middleware",
    "servestatic.middleware",
    "environ",
    "channels.db",
    "channels.layers",
    "channels_redis.pubsub",
    "psycopg",
    "psycopg_pool",
    "uuid_utils.compat",
    "autobahn.twisted.websocket",
    "twisted.web.http",
    "uvicorn.server",
    "uvicorn.protocols.http.httptools_impl",
    "aiohttp",
    "openai.resources.chat",
    "openai.resources.responses",
    "anthropic",
    "google.genai",
    "genai_prices",
    "markdown_it",
    "linkify_it",
    "math_core",
    "nh3",
    "pygments.lexers",
    "celery.bin.celery",
    "kombu.transport.filesystem",
)

for package in PACKAGES:
    import_module(package)
# Pygments takes a second for the languages we colour.
colouring.preload()
# All of this stays: the processes share it, and none need look through it.
gc.freeze()
