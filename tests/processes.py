"""Processes of the site: `python -m MODULE ARGUMENTS`, begun from nothing, or forked from one that is ready.

What is ready has imported the packages we build on and knows no settings (preloading.py). A fork of it runs the same
module with an environment and a session of its own, but starts in a fifth of the time: the tests start hundreds of
them. Where memory or a start is measured, a process begins from nothing.
"""

import os
import runpy
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
READY = get_context("forkserver")
READY.set_forkserver_preload(["tests.preloading"])


def from_nothing(command: Sequence[str], environment: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
    """`command` is a module and its arguments; what it says is added to the file `output`."""
    with output.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=environment,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


class Forked:
    """The same, forked: with what is needed here of subprocess.Popen."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], output: Path, errors: Path | None = None
    ) -> None:
        files = (str(output), str(errors or output))
        self._process = READY.Process(target=live, args=(list(command), dict(environment), files))
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Its parent is the one that is ready, and takes it away when it has ended; we hear of that a little later."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


type Process = subprocess.Popen[bytes] | Forked
type Begin = Callable[[Sequence[str], Mapping[str, str], Path], Process]


def end(process: Process) -> None:
    """kill -9, of what it has started, too."""
    if process.poll() is None:
        # One that has just been forked has no group of its own yet.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def completed(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A forked one that has run to its end, and what it said."""
    with TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        status = Forked(command, environment, output, errors).wait()
        return subprocess.CompletedProcess(command, status, output.read_text(), errors.read_text())


def live(command: Sequence[str], environment: Mapping[str, str], files: tuple[str, str]) -> None:
    """The life of a forked process."""
    os.setsid()
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    for file, number in zip(files, (sys.stdout.fileno(), sys.stderr.fileno()), strict=True):
        with Path(file).open("ab") as opened:
            os.dup2(opened.fileno(), number)
    warnings.resetwarnings()
    warnings.simplefilter(environment["PYTHONWARNINGS"])  # type: ignore[arg-type]
    module, *sys.argv[1:] = command
    runpy.run_module(module, run_name="__main__", alter_sys=True)
