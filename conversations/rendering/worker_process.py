"""The parent's side of `highlight_worker`: one child, started on first need and replaced when it dies."""

import atexit
import os
import signal
import subprocess
import sys
import threading
from multiprocessing import Pipe
from pathlib import Path

COMMAND = [sys.executable, "-m", "conversations.rendering.highlight_worker"]
ROOT = Path(__file__).parents[2]
LONGEST_START_S = 10.0
LONGEST_WAIT_S = 2.0


class OutOfTime(Exception):
    """The block took more CPU time than it may, and would again."""


class WorkerUnavailable(Exception):
    """No answer this time: the machine is loaded, or the child died of something else."""


class WorkerProcess:
    """Threads take turns. The child ends by itself when this process is gone."""

    def __init__(self) -> None:
        self._child: _Child | None = None
        self._turn = threading.Lock()
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.stop)

    def coloured(self, language: str, code: str) -> str | None:
        """HTML of the code, None when it is not to be coloured. Raises OutOfTime or WorkerUnavailable."""
        if not self._turn.acquire(timeout=LONGEST_WAIT_S):
            raise WorkerUnavailable
        try:
            self._child = self._child or _Child()
            return self._child.coloured(language, code)
        except (EOFError, OSError) as error:
            raise (OutOfTime if self.stop() == -signal.SIGPROF else WorkerUnavailable) from error
        finally:
            self._turn.release()

    def stop(self) -> int | None:
        """End the child and return its exit code. The next block starts another."""
        child, self._child = self._child, None
        return child.end() if child else None

    def _forget(self) -> None:
        """In a forked process: the child is not ours."""
        self._child, self._turn = None, threading.Lock()


class _Child:
    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            command = [*COMMAND, str(theirs.fileno())]
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        self._is_ready = False

    def coloured(self, language: str, code: str) -> str | None:
        if not self._is_ready:
            self._answer(LONGEST_START_S)
            self._is_ready = True
        self._connection.send((language, code))
        return self._answer(LONGEST_WAIT_S)

    def end(self) -> int:
        self._process.kill()
        self._connection.close()
        return self._process.wait()

    def _answer(self, patience_s: float) -> str | None:
        if not self._connection.poll(patience_s):
            raise TimeoutError
        answer: str | None = self._connection.recv()
        return answer
