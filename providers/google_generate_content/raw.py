"""How we come by the bytes of an answer that the SDK would decode: through the HTTP client it lets us choose.

Only documented doors are used: `HttpOptions.httpx_async_client`, and `send` of that client. Import this file late.
"""

import ssl
from typing import Any

import httpx2


class Accepted(BaseException):
    """Carries an open answer of status 200 out through the SDK, which lets whatever its HTTP client raises pass."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__("an open answer")
        self.response = response


class RawClient(httpx2.AsyncClient):
    """Refusals go on to the SDK, accepted answers come to us. The SDK sends no time limits, so they are set here."""

    def __init__(self, connect_s: float, verify: ssl.SSLContext) -> None:
        super().__init__(
            verify=verify,
            timeout=httpx2.Timeout(None, connect=connect_s),
            limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=100),
            follow_redirects=True,
        )

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        request.extensions["timeout"] = self.timeout.as_dict()
        response = await super().send(request, **options)
        if response.status_code == httpx2.codes.OK:
            raise Accepted(response)
        return response
