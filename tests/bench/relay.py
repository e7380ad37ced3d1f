"""`python -m tests.bench.relay TARGET_PORT`: passes bytes on and looks at none."""

import asyncio
import sys


class Side(asyncio.Protocol):
    """One end of a connection; what it hears, `other` says."""

    def __init__(self, other: "Side | None" = None) -> None:
        self.other = other

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self.other:
            self.other.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other:
            self.other.transport.close()


class Front(Side):
    """The client's end: opens the other one, and reads when that is there."""

    def __init__(self, target_port: int) -> None:
        super().__init__()
        self._target_port = target_port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.pause_reading()
        self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        _, self.other = await loop.create_connection(lambda: Side(self), "127.0.0.1", self._target_port)
        self.transport.resume_reading()


async def serve(target_port: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Front(target_port), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
