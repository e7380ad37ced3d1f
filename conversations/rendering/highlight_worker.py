"""`python -m conversations.rendering.highlight_worker FD`: colours code for the process at the other end of a socket.

A regular expression holds the GIL and cannot be interrupted, so what may run for seconds runs here. The kernel ends
this process when a block takes more than `CPU_LIMIT_S` of its time: CPU time, so that a busy machine changes no result.
"""

import signal
import sys
from multiprocessing.connection import Connection

from conversations.rendering.colouring import coloured

CPU_LIMIT_S = 0.3


def main(parent: Connection) -> None:
    """Say that we are ready, then answer until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent.send("ready")
    while True:
        try:
            language, code = parent.recv()
        except EOFError:
            return
        parent.send(_coloured_in_time(language, code))


def _coloured_in_time(language: str, code: str) -> str | None:
    signal.setitimer(signal.ITIMER_PROF, CPU_LIMIT_S)
    html = coloured(language, code)
    signal.setitimer(signal.ITIMER_PROF, 0)
    return html


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
