"""How we come by the bytes of an answer that the SDK would decode: through the HTTP client it lets us choose.

Only documented doors are used: `HttpOptions.httpx_async_client`, and `send` of that client. Import this file late.
"""

from typing import Any

import httpx2

from providers.transport import Transport


class Accepted(BaseException):
    """Carries an open answer of status 200 out through the SDK, which lets whatever its HTTP client raises pass."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__("an open answer")
        self.response = response


class RawClient(httpx2.AsyncClient):
    """Refusals go on to the SDK, accepted answers come to us."""

    def __init__(self, connect_s: float) -> None:
        super().__init__(transport=Transport(connect_s), follow_redirects=True)

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        response = await super().send(request, **options)
        if response.status_code == httpx2.codes.OK:
            raise Accepted(response)
        return response
