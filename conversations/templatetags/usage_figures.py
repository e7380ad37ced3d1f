"""Money, tokens and changes as reports show them. Unknown is never zero, and looks different from it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.accounting.reports.figures import Figures
from conversations.accounting.reports.period import local
from conversations.admin.usage.links import address, rows_behind

register = template.Library()

UNKNOWN = SafeString('<span class="unknown">unknown</span>')
NOTHING = SafeString('<span class="nothing">–</span>')
SMALLEST_SHOWN = Decimal("0.0001")
LARGE = ((10**9, "B"), (10**6, "M"), (10**4, "k"))


@register.filter
def usd(amount: Decimal | None) -> str:
    """$1,234.56; four decimals below a dollar; "unknown" for None; "$0" only for exactly nothing."""
    return UNKNOWN if amount is None else dollars(amount)


def dollars(amount: Decimal) -> str:
    if amount < 0:
        return f"−{dollars(-amount)}"
    if amount == 0:
        return "$0"
    if amount < SMALLEST_SHOWN:
        return f"under ${SMALLEST_SHOWN}"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


@register.filter
def told(amount: Decimal | None, unit: str) -> str:
    """An amount of a chart in plain words, for attributes and for text within SVG."""
    if amount is None:
        return "unknown"
    return dollars(amount) if unit == "usd" else short(int(amount))


@register.filter
def exact_usd(amount: Decimal | None) -> str:
    """All decimals there are, two at least: what one call or one line of it cost."""
    if amount is None:
        return UNKNOWN
    sign, digits = ("−" if amount < 0 else ""), f"{abs(amount):,.10f}".rstrip("0")
    whole, _, decimals = digits.partition(".")
    return f"{sign}${whole}.{decimals:0<2}"


@register.filter
def number(count: int | None) -> str:
    """12,345 or "unknown"."""
    return UNKNOWN if count is None else f"{count:,}"


@register.filter
def short(count: int | None) -> str:
    """Large numbers in few signs: 9,999, 12.3k, 4.56M, 7.89B."""
    if count is None:
        return UNKNOWN
    for size, sign in LARGE:
        if abs(count) >= size:
            scaled = Decimal(count) / (1000 if sign == "k" else size)
            return f"{scaled:.{2 if abs(scaled) < 10 else 1 if abs(scaled) < 100 else 0}f}{sign}"
    return f"{count:,}"


@register.filter
def part(share: float | Decimal | None) -> str:
    """A share of one as percent: 4.2 %, under 0.1 %; "unknown" for None."""
    if share is None:
        return UNKNOWN
    percent = float(share) * 100
    if 0 < percent < 0.1:
        return "under 0.1 %"
    return f"{percent:.0f} %" if percent in (0, 100) or percent >= 99.95 else f"{percent:.1f} %"


@register.filter
def span(seconds: float | None) -> str:
    """0.42 s, 12.3 s, 2 min 5 s; "unknown" for None."""
    if seconds is None:
        return UNKNOWN
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


@register.filter
def rate(per_second: float | None) -> str:
    """Tokens per second, or "unknown"."""
    return UNKNOWN if per_second is None else f"{per_second:.1f}"


@register.filter
def clock(moment: datetime | None) -> str:
    """2026-11-22 14:03:59 on the site's clock."""
    return UNKNOWN if moment is None else f"{local(moment):%Y-%m-%d %H:%M:%S}"


@register.filter
def words(name: str) -> str:
    """`cache_read` as people read it."""
    return name.replace("_", " ")


@register.simple_tag
def change(now: Any, before: Any) -> str:
    """How a figure moved: "+28 % from $19.29"; nothing where either is unknown or there was nothing before."""
    if now is None or before is None:
        return ""
    if before == 0:
        return "nothing before" if now else "nothing before either"
    shown = usd(before) if isinstance(before, Decimal) else short(before)
    times = float(now) / float(before)
    if abs(times - 1) < 0.005:
        return format_html("about as before ({})", shown)
    moved = f"{abs(times - 1) * 100:.0f} %" if times < 10 else f"× {times:.0f}"
    sign, kind = ("+", "up") if times > 1 else ("−", "down")
    return format_html('<span class="{}">{}{}</span> from {}', kind, sign if times < 10 else "", moved, shown)


@register.simple_tag(takes_context=True)
def rows(context: Context, kind: str = "", **filters: Any) -> str:
    """Address of the calls behind a figure of the page, narrowed by `filters`."""
    return rows_behind(context["scope"], kind, **filters)


@register.simple_tag(takes_context=True)
def rows_of(context: Context, dimension: str, key: Any, kind: str = "") -> str:
    """The same for the line `key` of a table by `dimension`."""
    return rows_behind(context["scope"], kind, **{dimension: key})


@register.simple_tag(takes_context=True)
def about(context: Context, page: str, *args: Any, **filters: Any) -> str:
    """Address of another page of the section, about the same scope narrowed by `filters`."""
    return address(page, context["scope"].narrowed(**filters), *args)


@register.simple_tag(takes_context=True)
def about_one(context: Context, page: str, dimension: str, key: Any) -> str:
    """The same, narrowed to the line `key` of a table by `dimension`."""
    return address(page, context["scope"].narrowed(**{dimension: key}))


@register.inclusion_tag("admin/usage/money.html")
def money(figures: Figures, link: str = "") -> dict[str, Any]:
    """What calls cost, as a link to them. Never called, free, known, known in part and unknown look different."""
    return {"figures": figures, "link": link}


@register.inclusion_tag("admin/usage/count.html")
def counted(count: int | None, link: str = "") -> dict[str, Any]:
    """A number as a link; a dash where there is nothing to lead to."""
    return {"count": count, "link": link}


@register.inclusion_tag("admin/usage/shared.html")
def shared(count: int, share: float | None, link: str) -> dict[str, Any]:
    """A share of the calls as a link to them."""
    return {"count": count, "share": share, "link": link}
