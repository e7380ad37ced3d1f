"""Alerts and who has been told of them; a page that sends a test alert to everybody who would get a real one."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from conversations.accounting.alerts.letters import letter_of
from conversations.accounting.alerts.raising import raise_test
from conversations.accounting.alerts.receivers import staff_addresses
from conversations.admin.paging import LongListAdmin
from conversations.admin.readonly import ReadOnlyAdmin
from conversations.models import Alert
from conversations.tasks import deliver_alerts

# Who may read the reports may read what they have given rise to.
MAY_SEE = "conversations.view_usagerecord"


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin, LongListAdmin):
    list_display = ["title", "created_at", "kind", "first_day", "told"]
    list_filter = ["kind", "created_at"]
    search_fields = ["title", "subject"]
    search_help_text = "Part of what it says: a budget's name, a model."
    change_list_template = "admin/conversations/alert/change_list.html"
    change_form_template = "admin/conversations/alert/change_form.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MAY_SEE)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_SEE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        return super().get_queryset(request).prefetch_related("deliveries")

    @admin.display(description="told")
    def told(self, alert: Alert) -> str:
        """How its deliveries stand: "2 delivered, 1 waiting"; "nobody" when there was nobody to tell."""
        states = [delivery.state for delivery in alert.deliveries.all()]
        counts = [f"{states.count(state)} {state}" for state in ("delivered", "waiting", "given up") if state in states]
        return ", ".join(counts) or "nobody"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        alert = self.get_object(request, object_id)
        context = {"letter": letter_of(alert, personal=False) if alert and can_be_written(alert) else None}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))


def can_be_written(alert: Alert) -> bool:
    return bool(alert.facts) and alert.kind != Alert.Kind.DIGEST


def send_test(request: HttpRequest) -> HttpResponse:
    """GET: who would get an alert. POST: send them one. For staff; `admin.site.admin_view` sees to that."""
    if not request.user.has_perm(MAY_SEE):
        raise PermissionDenied
    if request.method != "POST":
        return TemplateResponse(request, "admin/conversations/alert/test.html", context_of(request))
    alert = raise_test(request.user.get_username())
    deliver_alerts.delay_on_commit()
    if alert.deliveries.exists():
        messages.info(request, "The test alert is on its way. Reload this page to see whether it has arrived.")
    else:
        messages.warning(request, "There is nobody to tell: neither a mail server nor a webhook is set.")
    return redirect(reverse("admin:conversations_alert_change", args=[alert.pk]))


def context_of(request: HttpRequest) -> dict[str, Any]:
    """What is set, without any secret: a webhook's path may be one."""
    return {
        **admin.site.each_context(request),
        "title": "Send a test alert",
        "opts": Alert._meta,
        "can_mail": settings.CAN_MAIL,
        "addresses": staff_addresses(),
        "named": bool(settings.ALERT_EMAILS),
        "webhook_host": urlsplit(settings.ALERT_WEBHOOK_URL).netloc.rpartition("@")[2],
        "is_signed": bool(settings.ALERT_WEBHOOK_SECRET),
        "has_address": bool(settings.SITE_URL),
    }
