"""What can go wrong between us and a provider.

ProviderError
├── KeyRejected          the key is missing, wrong or may not use this model
├── QuotaExhausted       the account has no money or no quota left
├── ModelUnknown         the company does not know this model (any more)
├── ContextTooLong       the conversation does not fit the model's window
├── RequestRefused       the company will not answer this request as it stands
├── RateLimited          too many requests; `retry_after_s` says how long to wait      retryable
├── Overloaded           the company is overloaded or down for the moment              retryable
├── Disconnected         no connection, or it broke in the middle                      retryable
├── SilentTooLong        connected, but nothing came for longer than allowed           retryable
└── Garbled              what came is not what this API speaks, or it ended too soon   retryable

An error carries what its catcher decides on: `retryable` and `retry_after_s`. `detail` is the company's own sentence,
for logs of support people; it is never shown to a reader as it is. `usage` is what had been counted before the error;
`sent` is false where the request never left, because nobody could be connected to.
"""

from typing import ClassVar

from providers.contract import Usage


class ProviderError(Exception):
    """Base of everything an adapter raises. `status` is the HTTP status, or None when there was none."""

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str = "",
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.retry_after_s = retry_after_s
        self.usage = usage
        self.sent = True

    @property
    def kind(self) -> str:
        """The name under which a run stores this error, for example `rate_limited`."""
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in type(self).__name__).lstrip("_")


class KeyRejected(ProviderError):
    pass


class QuotaExhausted(ProviderError):
    pass


class ModelUnknown(ProviderError):
    pass


class ContextTooLong(ProviderError):
    pass


class RequestRefused(ProviderError):
    pass


class RateLimited(ProviderError):
    retryable = True


class Overloaded(ProviderError):
    retryable = True


class Disconnected(ProviderError):
    retryable = True


class SilentTooLong(ProviderError):
    retryable = True


class Garbled(ProviderError):
    retryable = True
