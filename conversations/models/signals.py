"""What has been committed, told to whoever measures it in this process. Nobody's state may depend on it."""

from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal

# `records`: ledger rows, corrections too.
calls_booked = Signal()
# `generation`, with its final status.
answer_ended = Signal()


def after_commit(signal: Signal, sender: type, **what: Any) -> None:
    """A receiver that fails is logged and harms nobody; without receivers this costs nothing."""
    if signal.has_listeners(sender):
        transaction.on_commit(partial(signal.send_robust, sender, **what), robust=True)
