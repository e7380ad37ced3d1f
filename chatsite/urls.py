"""Addresses of the whole site."""

from django.contrib import admin
from django.urls import include, path

from conversations.admin.alerts import send_test
from conversations.admin.health import model_health
from conversations.admin.transcript import transcript

urlpatterns = [
    path("", include("conversations.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("admin/alerts/test/", admin.site.admin_view(send_test), name="alert_test"),
    path("admin/model-health/", admin.site.admin_view(model_health), name="model_health"),
    path(
        "admin/conversations/conversation/<uuid:conversation_id>/transcript/",
        admin.site.admin_view(transcript),
        name="transcript",
    ),
    path("admin/usage/", include("conversations.admin.usage.urls")),
    path("admin/", admin.site.urls),
]
