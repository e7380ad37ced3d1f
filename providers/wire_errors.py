"""What a company's refusal means, said in our errors: from its status and its words."""

import re

from providers.errors import (
    ContextTooLong,
    KeyRejected,
    ModelUnknown,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
)

# The words of codes, types and sentences, in the order in which they decide; they are stronger than the status.
_WORDS: tuple[tuple[type[ProviderError], re.Pattern[str]], ...] = tuple(
    (kind, re.compile(words, re.IGNORECASE))
    for kind, words in (
        (
            QuotaExhausted,
            r"insufficient[ _](quota|balance|credit|funds)|billing_(hard_limit|not_active)|credit balance"
            r"|spend[_ ]limit",
        ),
        (
            ContextTooLong,
            r"context[ _](length|window|size)|maximum context|prompt is too long|input token count|request too large"
            r"|too many (input )?tokens|string_above_max_length",
        ),
        (KeyRejected, r"(invalid|incorrect|expired|missing)[ _]api[ _]?key|api key not valid|authentication_error"),
        (ModelUnknown, r"model_not_found|unknown model|model_decommissioned|model .{0,120}(not found|does not exist)"),
        (RateLimited, r"rate[ _-]?limit|too many requests|slow_down"),
    )
)
# Who has begun to answer has taken the request; only these words mean that another try would end the same way.
_REFUSING = re.compile(r"invalid|policy|residency|unsupported|not[ _]supported|content_filter|image", re.IGNORECASE)

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: KeyRejected,
    402: QuotaExhausted,
    403: KeyRejected,
    404: ModelUnknown,
    408: Overloaded,
    409: Overloaded,
    413: ContextTooLong,
    425: Overloaded,
    429: RateLimited,
}


def kind_of_error(status: int | None, words: str) -> type[ProviderError]:
    """Which of our errors it is; `words` are the company's code, type and sentence in one string.

    `status` is the HTTP status, or the one named within a stream, or None where the stream names none.
    """
    for kind, pattern in _WORDS:
        if pattern.search(words):
            return kind
    if status is None:
        return RequestRefused if _REFUSING.search(words) else Overloaded
    return _BY_STATUS.get(status, Overloaded if status >= 500 else RequestRefused)
