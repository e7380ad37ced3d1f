"""A real loopback receiver of webhooks that checks signatures as the specification says, and fails as a test asks."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_" + base64.b64encode(b"a secret of tests").decode()


@dataclass
class Hook:
    """What came, as (id, content) of posts with a good signature; `refused` counts the others.

    `statuses` are the answers to come, one each, then 204; a number below 100 is seconds to wait before 204.
    """

    url: str = ""
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refused: int = 0
    statuses: list[float] = field(default_factory=list)


def is_signed(headers: Any, body: bytes) -> bool:
    """Written from the specification, not from our code."""
    key = base64.b64decode(SECRET[len("whsec_") :])
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and any(
        hmac.compare_digest(said.removeprefix("v1,"), wanted) for said in headers["webhook-signature"].split()
    )


@contextmanager
def hooked() -> Iterator[Hook]:
    hook = Hook()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            hook.asked.append(self.headers["webhook-id"])
            status = hook.statuses.pop(0) if hook.statuses else 204
            if status < 100:
                time.sleep(status)
                status = 204
            if not is_signed(self.headers, body):
                hook.refused += 1
                status = 401
            elif status == 204:
                hook.taken.append((self.headers["webhook-id"], json.loads(body)))
            self.send_response(int(status))
            if 300 <= status < 400:
                self.send_header("location", hook.url)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    hook.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
