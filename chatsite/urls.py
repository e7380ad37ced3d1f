"""Addresses of the whole site."""

from django.contrib import admin
from django.urls import include, path

from conversations.admin.health import model_health
from conversations.views import health

urlpatterns = [
    path("", include("conversations.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("admin/model-health/", admin.site.admin_view(model_health), name="model_health"),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
