"""Reports: what was spent, on what, by whom. Every figure is the sum of ledger rows, and equal to it.

Each function takes a `Scope` (scope.py), asks a bounded number of queries, and returns frozen dataclasses:

    overview(scope)        -> Overview: figures and active users, now and in the period before
    over_time(scope)       -> Series: cost, calls and tokens per bucket, stacked by model
    by_user, by_group, by_model, by_provider, by_purpose (scope) -> Table of Lines, dearest first
    matrix(scope)          -> Matrix of users and models
    conversations(scope, limit, offset) -> Conversations: the dearest
    calls(scope, after, limit, kind) -> Calls: ledger rows, latest first, by keyset
    call(key)              -> CallPage: one row, the attempts of its run, its price line by line; None if there is none
    reliability(scope)     -> list[Reliability] per model
    unpriced(scope)        -> list[Unpriced]: models without a price
    choices()              -> Choices: what the filters of a page can offer

A `Line` has `key` (what `scope.narrowed(user=line.key)` takes; 0 for the line of people in no group),
`title` (a name), and `figures` (see figures.py: `cost_usd` is None when unknown, never zero).
"""

from conversations.accounting.reports.call_list import CallLine, CallPage, Calls, PriceLine, call, calls
from conversations.accounting.reports.dearest import ConversationLine, Conversations, conversations
from conversations.accounting.reports.figures import added_up
from conversations.accounting.reports.filters import Choices, choices
from conversations.accounting.reports.model_lines import Reliability, Unpriced, reliability, unpriced
from conversations.accounting.reports.series import Series, Stack, over_time
from conversations.accounting.reports.tables import (
    Line,
    Matrix,
    Table,
    by_group,
    by_model,
    by_provider,
    by_purpose,
    by_user,
    matrix,
)
from conversations.accounting.reports.tiles import Overview, overview

__all__ = [
    "CallLine",
    "CallPage",
    "Calls",
    "Choices",
    "ConversationLine",
    "Conversations",
    "Line",
    "Matrix",
    "Overview",
    "PriceLine",
    "Reliability",
    "Series",
    "Stack",
    "Table",
    "Unpriced",
    "added_up",
    "by_group",
    "by_model",
    "by_provider",
    "by_purpose",
    "by_user",
    "call",
    "calls",
    "choices",
    "conversations",
    "matrix",
    "over_time",
    "overview",
    "reliability",
    "unpriced",
]
