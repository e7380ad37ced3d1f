"""The front page of the admin."""

from typing import Any

from django import template
from django.template.context import Context

from conversations.admin.right_now import tiles_for
from conversations.admin.sections import sections_for

register = template.Library()


@register.simple_tag(takes_context=True)
def tiles(context: Context) -> list[Any]:
    return tiles_for(context["request"])


@register.simple_tag(takes_context=True)
def sections(context: Context) -> list[Any]:
    return sections_for(context["request"], context["available_apps"])
