"""Token counts of the Chat Completions API in our words."""

import msgspec

from providers.contract import Usage
from providers.counting import fitted


class WireDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: WireDetails | None = None
    completion_tokens_details: WireDetails | None = None
    prompt_cache_hit_tokens: int | None = None


def to_usage(wire: WireUsage) -> Usage:
    """Input as reported includes cached tokens. Output includes reasoning, unless the total says otherwise (xAI)."""
    of_input = wire.prompt_tokens_details or WireDetails()
    of_output = wire.completion_tokens_details or WireDetails()
    total_input, output = wire.prompt_tokens or 0, wire.completion_tokens or 0
    reasoning = max(0, of_output.reasoning_tokens or 0)
    if wire.total_tokens == total_input + output + reasoning:
        output += reasoning
    return fitted(
        total_input=total_input,
        output=output,
        cache_read=of_input.cached_tokens or wire.prompt_cache_hit_tokens or 0,
        cache_write=of_input.cache_write_tokens or 0,
        reasoning=reasoning,
    )
