from datetime import UTC, datetime
from decimal import Decimal

import pytest

from providers.contract import Usage
from providers.prices import FREE, Price, cost_usd, price_of

NOVEMBER = datetime(2026, 11, 22, tzinfo=UTC)
PRICE = Price(Decimal(2), Decimal("0.2"), Decimal("2.5"), Decimal(10))
LONG = Price(Decimal(4), Decimal("0.4"), Decimal(5), Decimal(15))


def test_each_class_of_tokens_has_its_own_price() -> None:
    usage = Usage(fresh_input=1_000_000, cache_read=100_000, cache_write=10_000, output=1_000, reasoning=900)

    assert cost_usd(usage, PRICE) == Decimal("2") + Decimal("0.02") + Decimal("0.025") + Decimal("0.01")


def test_a_single_token_is_not_rounded_away() -> None:
    assert cost_usd(Usage(cache_read=1), PRICE) == Decimal("0.0000002")


def test_an_unknown_price_is_no_zero() -> None:
    assert cost_usd(Usage(fresh_input=1), None) is None
    assert cost_usd(Usage(fresh_input=1), FREE) == 0


@pytest.mark.parametrize(("input_tokens", "rates"), [(272_000, PRICE), (272_001, LONG)])
def test_a_long_prompt_makes_the_whole_call_dearer(input_tokens: int, rates: Price) -> None:
    price = Price(PRICE.fresh_input, PRICE.cache_read, PRICE.cache_write, PRICE.output, ((272_000, LONG),))
    usage = Usage(fresh_input=1, cache_read=input_tokens - 1, output=10)

    assert price.of(usage) == rates
    assert cost_usd(usage, price) == cost_usd(usage, rates)


def test_prices_come_from_the_package() -> None:
    assert price_of("anthropic", "claude-opus-5-5", NOVEMBER) == Price(
        fresh_input=Decimal(4), cache_read=Decimal("0.2"), cache_write=Decimal(5), output=Decimal(20)
    )


def test_tiers_come_from_the_package() -> None:
    haiku = price_of("anthropic", "claude-haiku-5-5", NOVEMBER)

    assert haiku is not None
    assert haiku.fresh_input == Decimal("0.1")
    assert [(above, dearer.output) for above, dearer in haiku.long_prompt] == [(100_000, Decimal("2.5"))]


def test_a_class_without_a_price_of_its_own_is_billed_as_fresh_input() -> None:
    flash = price_of("google", "gemini-3.8-flash", NOVEMBER)

    assert flash is not None
    assert flash.cache_write == flash.fresh_input
    assert flash.cache_read < flash.fresh_input


def test_a_price_is_that_of_its_day() -> None:
    before, after = (price_of("openai", "gpt-5.6-luna", datetime(2026, 7, day, tzinfo=UTC)) for day in (1, 31))

    assert before is not None
    assert after is not None
    assert before.output > after.output


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "no-such-model"), ("basement", "gpt-5.5"), ("", ""), ("google", "gpt-5.5")]
)
def test_what_nobody_has_priced_is_unknown(provider: str, model: str) -> None:
    assert price_of(provider, model, NOVEMBER) is None


def test_the_demo_model_costs_nothing() -> None:
    assert price_of("demo", "demo", NOVEMBER) == FREE
