"""Addresses of the usage section, below /admin/usage/."""

from django.urls import path

from conversations.admin.usage.calls import call, calls
from conversations.admin.usage.conversations import conversations
from conversations.admin.usage.matrix import matrix
from conversations.admin.usage.models import reliability, unpriced
from conversations.admin.usage.overview import overview
from conversations.admin.usage.tables import by

app_name = "usage_reports"
urlpatterns = [
    path("", overview, name="overview"),
    path("by/<slug:dimension>/", by, name="by"),
    path("matrix/", matrix, name="matrix"),
    path("conversations/", conversations, name="conversations"),
    path("calls/", calls, name="calls"),
    path("calls/<uuid:key>/", call, name="call"),
    path("reliability/", reliability, name="reliability"),
    path("unpriced/", unpriced, name="unpriced"),
]
