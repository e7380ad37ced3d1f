"""The site, but for one address at which its application fails as it must not: `?` is what the exception says."""

from chatsite.asgi import application as whole
from chatsite.lanes import Receive, Scope, Send


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope.get("path") == "/break":
        raise ValueError(scope["query_string"].decode())
    await whole(scope, receive, send)
