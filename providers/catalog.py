"""The models we know by name: what fits into them and what they can do. Prices are in `prices.py`.

Windows are those of the genai-prices package (a test compares them); greatest outputs and abilities those of the
companies' model pages of November 2026. A name that is not listed can be used all the same, see `find`.
"""

from dataclasses import dataclass
from typing import Literal

type Effort = Literal["none", "low", "medium", "high"]

ALWAYS_REASONS: tuple[Effort, ...] = ("low", "medium", "high")
MAY_REASON: tuple[Effort, ...] = ("none", *ALWAYS_REASONS)

# What we assume of a model nobody has described to us: small enough to be true of nearly all of them.
UNKNOWN_CONTEXT_TOKENS = 128_000
UNKNOWN_MAX_OUTPUT_TOKENS = 16_384


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model. `efforts` are the values of `reasoning_effort` it takes; `max_output_tokens` includes reasoning."""

    provider: str
    name: str
    title: str
    context_tokens: int = UNKNOWN_CONTEXT_TOKENS
    max_output_tokens: int = UNKNOWN_MAX_OUTPUT_TOKENS
    images: bool = False
    tools: bool = False
    efforts: tuple[Effort, ...] = ()
    temperature: bool = True

    @property
    def id(self) -> str:
        """The name users pick and settings list, for example `openai:gpt-5.5`."""
        return f"{self.provider}:{self.name}"

    @property
    def reasoning(self) -> bool:
        return bool(self.efforts)


def _openai(name: str, title: str, context_tokens: int) -> ModelInfo:
    return ModelInfo("openai", name, title, context_tokens, 128_000, True, True, MAY_REASON, temperature=False)


def _claude(name: str, title: str, efforts: tuple[Effort, ...]) -> ModelInfo:
    return ModelInfo("anthropic", name, title, 1_000_000, 128_000, True, True, efforts, temperature=False)


def _gemini(name: str, title: str, context_tokens: int, efforts: tuple[Effort, ...] = MAY_REASON) -> ModelInfo:
    return ModelInfo("google", name, title, context_tokens, 65_536, True, True, efforts)


DEMO = ModelInfo("demo", "demo", "Demo (no key needed)", 32_000, 8_000)

MODELS: tuple[ModelInfo, ...] = (
    _openai("gpt-6.1-sol", "GPT-6.1 Sol", 1_050_000),
    _openai("gpt-6.1-terra", "GPT-6.1 Terra", 1_050_000),
    _openai("gpt-6-luna", "GPT-6 Luna", 1_050_000),
    _openai("gpt-6-astra", "GPT-6 Astra", 1_050_000),
    _openai("gpt-6-sol", "GPT-6 Sol", 1_050_000),
    _openai("gpt-5.6-sol", "GPT-5.6 Sol", 1_050_000),
    _openai("gpt-5.6-terra", "GPT-5.6 Terra", 1_050_000),
    _openai("gpt-5.6-luna", "GPT-5.6 Luna", 1_050_000),
    _openai("gpt-5.5", "GPT-5.5", 1_000_000),
    _openai("gpt-5.4-mini", "GPT-5.4 mini", 400_000),
    _claude("claude-sonnet-5-5", "Claude Sonnet 5.5", MAY_REASON),
    _claude("claude-opus-5-5", "Claude Opus 5.5", ALWAYS_REASONS),
    _claude("claude-haiku-5-5", "Claude Haiku 5.5", MAY_REASON),
    _claude("claude-fable-5-2", "Claude Fable 5.2", ALWAYS_REASONS),
    _gemini("gemini-3.8-flash", "Gemini 3.8 Flash", 1_000_000),
    _gemini("gemini-3.5-flash", "Gemini 3.5 Flash", 1_000_000),
    _gemini("gemini-3.1-pro-preview", "Gemini 3.1 Pro (preview)", 1_000_000, ALWAYS_REASONS),
    _gemini("gemini-3.1-flash-lite", "Gemini 3.1 Flash-Lite", 1_000_000),
    DEMO,
)

_BY_ID = {model.id: model for model in MODELS}


def find(provider: str, name: str) -> ModelInfo:
    """The model of that name; one we do not know gets a careful window and plain abilities: text in, text out."""
    return _BY_ID.get(f"{provider}:{name}") or ModelInfo(provider, name, title=name)


def split_id(model_id: str) -> tuple[str, str]:
    """Provider and name of an id such as `openai:gpt-5.5`; names may hold colons. Raises ValueError otherwise."""
    provider, _, name = model_id.partition(":")
    if not provider or not name:
        raise ValueError(f"a model is named provider:model, not {model_id!r}")
    return provider, name


def known_models(provider: str) -> list[ModelInfo]:
    """The listed models of one provider, the one to offer first in front."""
    return [model for model in MODELS if model.provider == provider]
