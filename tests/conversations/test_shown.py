"""Figures as readers see them."""

from decimal import Decimal

import pytest

from conversations.models import UsageRecord
from conversations.templatetags.shown import cost, count, safe_links, seconds

CONFIDENCE = UsageRecord.Confidence


@pytest.mark.parametrize(
    ("usd", "confidence", "words"),
    [
        (None, CONFIDENCE.REPORTED, "cost unknown"),
        (Decimal(0), CONFIDENCE.REPORTED, "free"),
        (Decimal("0.00003"), CONFIDENCE.REPORTED, "under $0.0001"),
        (Decimal("0.0042"), CONFIDENCE.REPORTED, "$0.0042"),
        (Decimal("0.0042"), CONFIDENCE.ESTIMATED, "about $0.0042"),
        (Decimal("0.0042"), CONFIDENCE.PARTIAL, "about $0.0042"),
        (Decimal("1234.5"), CONFIDENCE.REPORTED, "$1,234.50"),
    ],
)
def test_a_cost_is_exact_only_where_tokens_were_reported(usd: Decimal | None, confidence: str, words: str) -> None:
    assert cost(UsageRecord(cost_usd=usd, confidence=confidence)) == words


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [(None, ""), (0.04, "under 0.1 s"), (9.94, "9.9 s"), (14.2, "14 s"), (59.7, "1 min 0 s"), (75.3, "1 min 15 s")],
)
def test_a_duration_is_as_fine_as_it_is_short(duration_s: float | None, words: str) -> None:
    assert seconds(duration_s) == words


def test_unknown_tokens_are_not_zero() -> None:
    assert [count(None), count(0), count(1_204_000)] == ["unknown", "0", "1,204,000"]


def test_only_safe_sources_become_links() -> None:
    good = {"url": "https://example.org/", "title": "Example"}
    assert safe_links([good, {"url": "javascript:alert(1)", "title": "Bad"}]) == [good]
    assert safe_links(None) == []
