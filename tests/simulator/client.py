"""What tests hold in their hands: start a simulator, tell it what to do, ask it what it saw."""

import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from tests.loop_thread import loop_in_thread
from tests.simulator.records import Seen
from tests.simulator.server import simulator_listening

REPOSITORY = Path(__file__).resolve().parents[2]
# It only ends tests that would wait for ever.
PATIENCE_S = 60.0


class SimulatorClient:
    """Control of a running simulator. Every method is a blocking HTTP call of a millisecond or less."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def environment(self) -> dict[str, str]:
        """What makes a site, or an SDK, take the simulator for all three companies."""
        return {
            "OPENAI_API_KEY": "sk-simulated-openai",
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "ANTHROPIC_API_KEY": "sk-simulated-anthropic",
            "ANTHROPIC_BASE_URL": self.url,
            "GEMINI_API_KEY": "simulated-google",
            "GOOGLE_GEMINI_BASE_URL": self.url,
        }

    def script(
        self,
        model: str,
        script: dict[str, Any] | None = None,
        *,
        queue: tuple[dict[str, Any], ...] = (),
        purpose: str = "answer",
    ) -> None:
        """`queue` is played one per request, then `script` for ever (without one: what the model does by itself)."""
        assignment = {"model": model, "purpose": purpose, "script": script, "queue": queue}
        self._call("POST", "/simulator/scripts", assignment)

    def forget_scripts(self) -> None:
        self._call("DELETE", "/simulator/scripts")

    def requests(self, **chosen: str) -> list[Seen]:
        """Oldest first; `model=`, `purpose=`, `api=` choose among them."""
        return msgspec.json.decode(self._call("GET", f"/simulator/requests?{urlencode(chosen)}"), type=list[Seen])

    def forget_requests(self, **chosen: str) -> None:
        self._call("DELETE", f"/simulator/requests?{urlencode(chosen)}")

    def release(self, **which: Any) -> int:
        """Let held answers pass one hold each: `id=`, `model=`, or all. Returns how many answers that were."""
        return msgspec.json.decode(self._call("POST", "/simulator/release", which))["released"]

    def wait_for(self, fact: Callable[[Seen], Any] = bool, *, timeout_s: float = PATIENCE_S, **chosen: str) -> Seen:
        """The newest chosen request of which `fact` is true, as soon as there is one.

        Blocks: where the test's own event loop makes the request, `await asyncio.to_thread(simulator.wait_for, ...)`.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            seen = self.requests(**chosen)
            for request in reversed(seen):
                if fact(request):
                    return request
            if time.monotonic() > deadline:
                states = [(request.model, request.state, request.sent_chars) for request in seen]
                raise TimeoutError(f"no such request within {timeout_s} s; seen: {states}")
            time.sleep(0.005)

    def _call(self, method: str, path: str, body: Any = None) -> bytes:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, None if body is None else msgspec.json.encode(body))
            response = connection.getresponse()
            answer = response.read()
        if response.status != 200:
            raise ValueError(f"{method} {path}: {answer.decode()}")
        return answer


@contextlib.contextmanager
def start_simulator() -> Iterator[SimulatorClient]:
    """A simulator in a thread of this process: starts in a millisecond."""
    with loop_in_thread() as call:
        listening = simulator_listening()
        url = call(listening.__aenter__())
        try:
            yield SimulatorClient(url)
        finally:
            call(listening.__aexit__(None, None, None))


@contextlib.contextmanager
def start_simulator_process(*arguments: str) -> Iterator[SimulatorClient]:
    """A simulator in a process of its own, for benchmarks and for tests that load this one."""
    command = [sys.executable, "-m", "tests.simulator", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            first_line = process.stdout.readline()
            if "http://" not in first_line:
                raise RuntimeError(f"the simulator did not start: {first_line!r}")
            yield SimulatorClient(first_line.split()[-1])
        finally:
            process.terminate()
