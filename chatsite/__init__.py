"""The site: settings, URLs, the ASGI application and the Celery application."""

from chatsite.celery import app as celery_app

__all__ = ["celery_app"]
