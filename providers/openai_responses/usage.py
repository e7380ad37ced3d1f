"""Token counts of the Responses API in our words."""

import msgspec

from providers.contract import Usage
from providers.counting import fitted


class WireDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: WireDetails | None = None
    output_tokens_details: WireDetails | None = None


def to_usage(wire: WireUsage | None) -> Usage | None:
    """Input as reported includes cached and cache-writing tokens, output includes reasoning."""
    if wire is None:
        return None
    of_input = wire.input_tokens_details or WireDetails()
    of_output = wire.output_tokens_details or WireDetails()
    return fitted(
        total_input=wire.input_tokens or 0,
        output=wire.output_tokens or 0,
        cache_read=of_input.cached_tokens or 0,
        cache_write=of_input.cache_write_tokens or 0,
        reasoning=of_output.reasoning_tokens or 0,
    )
