"""Figures, names and dates as readers see them."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.template.context import Context
from django.utils import timezone
from django.utils.formats import date_format

from conversations.accounting.budget_words import dollars as in_cents
from conversations.generating.offer import named
from conversations.models import Conversation, UsageRecord
from conversations.rendering.safety import is_safe_link
from providers.catalog import ModelInfo

register = template.Library()

COMPANIES = {"openai": "OpenAI", "anthropic": "Anthropic", "google": "Google", "demo": "Without a key"}
SMALLEST_SHOWN_USD = Decimal("0.0001")
AGES = ((1, "Today"), (2, "Yesterday"), (7, "Previous 7 days"), (30, "Previous 30 days"))


@register.simple_tag(takes_context=True)
def model_title(context: Context, name: str) -> str:
    """The name people pick the model `provider:model` by."""
    if not name:
        return ""
    offered: Iterable[ModelInfo] = context.get("offered_models") or ()
    return next((model.title for model in offered if model.id == name), "") or named(name).title


@register.filter
def company(provider: str) -> str:
    return COMPANIES.get(provider, provider)


@register.filter
def cost(record: UsageRecord) -> str:
    """What a call cost; "about" where tokens were estimated, and never zero for unknown."""
    if record.cost_usd is None:
        return "cost unknown"
    if not record.cost_usd:
        return "free"
    reported = record.confidence == UsageRecord.Confidence.REPORTED
    return f"{'' if reported else 'about '}{dollars(record.cost_usd)}"


def dollars(usd: Decimal) -> str:
    """Two digits of cents from a dollar on, four below: most answers cost less than a cent."""
    if usd < SMALLEST_SHOWN_USD:
        return f"under ${SMALLEST_SHOWN_USD}"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}"


@register.filter
def money(usd: Decimal | None) -> str:
    """A sum of costs; "unknown" for None, "free" for nothing."""
    return "free" if usd == 0 else sum_of_money(usd)


@register.filter
def sum_of_money(usd: Decimal | None) -> str:
    """The same for sums of which some may be nothing: `$0`. A correction may make one negative."""
    if usd is None:
        return "unknown"
    if usd < 0:
        return f"−{dollars(-usd)}"
    return dollars(usd) if usd else "$0"


@register.filter
def cents(usd: Decimal) -> str:
    """An amount beside a limit, to the cent: $0.15 of $2.50."""
    return f"−{in_cents(-usd)}" if usd < 0 else in_cents(usd)


@register.filter
def shortly(tokens: int | None) -> str:
    """Large counts in few signs: 9,999, 12.3k, 4.56M."""
    if tokens is None:
        return "unknown"
    if tokens < 10_000:
        return f"{tokens:,}"
    scaled, sign = (tokens / 1e6, "M") if tokens >= 1_000_000 else (tokens / 1e3, "k")
    return f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f}{sign}"


@register.filter
def roughly(usd: Decimal) -> str:
    """Two digits of an amount that is a guess: $0.012, $1.20, $14."""
    if usd < SMALLEST_SHOWN_USD:
        return f"under ${SMALLEST_SHOWN_USD}"
    if usd >= 10:
        return f"${usd:,.0f}"
    return f"${usd:.2f}" if usd >= Decimal("0.1") else f"${usd:.{1 - usd.adjusted()}f}"


@register.filter
def count(tokens: int | None) -> str:
    return "unknown" if tokens is None else f"{tokens:,}"


@register.filter
def seconds(duration_s: float | None) -> str:
    """A duration in words: `0.8 s`, `12 s`, `2 min 5 s`; empty when unknown."""
    if duration_s is None:
        return ""
    if duration_s < 0.05:
        return "under 0.1 s"
    if duration_s < 10:
        return f"{duration_s:.1f} s"
    minutes, rest = divmod(round(duration_s), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@register.filter
def age(conversation: Conversation) -> str:
    """The heading a conversation stands under in the sidebar."""
    if conversation.pinned:
        return "Pinned"
    day = timezone.localtime(conversation.updated_at).date()
    days = (timezone.localdate() - day).days
    return next((name for limit, name in AGES if days < limit), "") or month_of(conversation.updated_at)


def month_of(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "F Y")


@register.filter
def safe_links(sources: Iterable[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The sources of an answer whose address may be a link."""
    return [source for source in sources or () if is_safe_link(source["url"])]
