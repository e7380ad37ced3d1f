from datetime import UTC, datetime

import genai_prices
import pytest

from providers import catalog
from providers.catalog import ModelInfo
from providers.prices import price_of

# Shut down, or announced to be, when the catalogue was made.
GONE = ("gpt-3", "gpt-4", "gpt-5-", "claude-3", "claude-sonnet-4-5", "gemini-1", "gemini-2")
SOLD = [model for model in catalog.MODELS if model.provider != "demo"]


def test_a_known_model_says_what_it_can_do() -> None:
    opus = catalog.find("anthropic", "claude-opus-5-5")

    assert opus.id == "anthropic:claude-opus-5-5"
    assert opus.title == "Claude Opus 5.5"
    assert opus.images
    assert opus.tools
    assert opus.reasoning
    assert not opus.temperature
    assert opus.max_output_tokens < opus.context_tokens


def test_an_unknown_model_gets_plain_abilities() -> None:
    llama = catalog.find("basement", "llama4:8b")

    assert llama == ModelInfo("basement", "llama4:8b", "llama4:8b", 128_000, 16_384)
    assert not (llama.images or llama.tools or llama.reasoning)
    assert llama.id == "basement:llama4:8b"


def test_an_id_is_split_at_its_first_colon() -> None:
    assert catalog.split_id("basement:llama4:8b") == ("basement", "llama4:8b")


@pytest.mark.parametrize("model_id", ["gpt-5.5", ":gpt-5.5", "openai:", ""])
def test_an_id_without_provider_or_name_is_refused(model_id: str) -> None:
    with pytest.raises(ValueError, match="provider:model"):
        catalog.split_id(model_id)


def test_ids_are_unique() -> None:
    assert len({model.id for model in catalog.MODELS}) == len(catalog.MODELS)


@pytest.mark.parametrize("model", SOLD, ids=lambda model: model.id)
def test_every_model_is_current_and_has_a_price(model: ModelInfo) -> None:
    assert not model.name.startswith(GONE)
    assert price_of(model.provider, model.name, datetime.now(UTC)) is not None


@pytest.mark.parametrize("model", SOLD, ids=lambda model: model.id)
def test_windows_are_those_of_the_price_package(model: ModelInfo) -> None:
    known = genai_prices.calc_price(genai_prices.Usage(), model.name, provider_id=model.provider).model

    assert known.id == model.name
    assert known.context_window in (model.context_tokens, None)
    assert not known.deprecated
