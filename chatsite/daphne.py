"""`python -m chatsite.daphne` is `python -m daphne`, on uvloop: what reads and writes sockets is in C then."""

import uvloop
from twisted.internet import asyncioreactor

# Before Daphne is imported: it takes the reactor that is there.
asyncioreactor.install(uvloop.new_event_loop())  # type: ignore[no-untyped-call]

from daphne.cli import CommandLineInterface

if __name__ == "__main__":
    CommandLineInterface.entrypoint()
