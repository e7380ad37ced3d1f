"""Every view of the reports as a file: its columns, and writers that stream CSV and JSONL.

Columns are those of FOCUS 1.2, the FinOps Open Cost and Usage Specification (https://focus.finops.org), as far as it
has them; what is ours alone begins with `x_`. docs/usage-reports.md lists them, and a test compares.

    lines(view, format, scope, kind) -> Iterator[str]      the file, piece by piece; format "csv" or "jsonl"
    VIEWS, CONTENT_TYPES                                   what there is

Money is in US dollars; where it is unknown the cell is empty (null in JSONL), never 0. Times are UTC.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any
from uuid import UUID

from conversations.accounting import reports
from conversations.accounting.reports import CallLine, Line
from conversations.accounting.reports.dearest import conversation_lines, dearest_conversations
from conversations.accounting.reports.figures import NAMES, Figures
from conversations.accounting.reports.period import Period, local, midnight, month_of, months_later
from conversations.accounting.reports.scope import Scope

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
CURRENCY, UNIT = "USD", "Tokens"
SERVICE_CATEGORY = "AI and Machine Learning"
# Without it spreadsheets take UTF-8 for something else.
BYTE_ORDER_MARK = "\ufeff"
BEGINS_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
PIECE = 500
CALLS_AT_ONCE = 2_000
CONVERSATIONS_AT_ONCE = 500
ALL = 10**9
# A call has one moment; a charge period may not be empty.
MOMENT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `about` is for the documents; `of` takes a row of the view."""

    name: str
    about: str
    of: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class View:
    """One file. `rows` takes a scope and a kind of rows (see behind.py), which only the calls have."""

    title: str
    columns: tuple[Column, ...]
    rows: Callable[[Scope, str], Iterable[Any]]


# --- Writing -------------------------------------------------------------------------


def lines(view: str, kind_of_file: str, scope: Scope, kind: str = "") -> Iterator[str]:
    """The file in pieces of many lines, each asked of the database when it is due. Raises KeyError for no such view."""
    chosen = VIEWS[view]
    return {"csv": as_csv, "jsonl": as_jsonl}[kind_of_file](chosen, chosen.rows(scope, kind))


def as_csv(view: View, rows: Iterable[Any]) -> Iterator[str]:
    yield BYTE_ORDER_MARK + written([[column.name for column in view.columns]])
    for piece in batched(rows, PIECE):
        yield written([[cell(column.of(row)) for column in view.columns] for row in piece])


def written(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def cell(value: Any) -> Any:
    """As a spreadsheet reads it. A text that could be taken for a formula begins with an apostrophe."""
    if isinstance(value, str):
        begins = value.startswith(BEGINS_FORMULA) or value.lstrip().startswith(BEGINS_FORMULA)
        return f"'{value}" if begins else value
    return "" if value is None else plain(value)


def as_jsonl(view: View, rows: Iterable[Any]) -> Iterator[str]:
    for piece in batched(rows, PIECE):
        yield "".join(json_line(view, row) for row in piece)


def json_line(view: View, row: Any) -> str:
    members = (f"{json.dumps(column.name)}: {literal(column.of(row))}" for column in view.columns)
    return f"{{{', '.join(members)}}}\n"


def literal(value: Any) -> str:
    """JSON; decimals with all their digits, which a float would lose."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value if value is None or isinstance(value, str | int | float) else plain(value))


def plain(value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f")
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            return value


# --- Columns that several views have ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: the period it is about, what it is the sum of, and its figures."""

    start: datetime
    end: datetime
    what: Any
    figures: Figures


def figure(name: str) -> Callable[[Row], Any]:
    return lambda row: getattr(row.figures, name)


PERIOD = (
    Column("ChargePeriodStart", "Where the period begins.", lambda row: row.start),
    Column("ChargePeriodEnd", "Where it ends, itself not included.", lambda row: row.end),
)
MONEY = (
    Column("BilledCost", "What the calls cost; empty when no call has a known price.", figure("cost_usd")),
    Column("EffectiveCost", "The same: nothing is amortised here.", figure("cost_usd")),
    Column("BillingCurrency", "USD.", lambda row: CURRENCY),
    Column("ConsumedQuantity", "All tokens, input and output.", figure("tokens")),
    Column("ConsumedUnit", "Tokens.", lambda row: UNIT),
)
FIGURES = (
    Column("x_Calls", "Calls of providers.", figure("calls")),
    Column("x_Answers", "Calls that gave a reader text.", figure("answers")),
    Column("x_UnpricedCalls", "Calls without a known price: their cost is missing in BilledCost.", figure("unpriced")),
    Column("x_UncountedCalls", "Calls of which nobody knows the tokens.", figure("uncounted")),
    Column("x_FreshInputTokens", "Input tokens that were in no cache.", figure("fresh_input")),
    Column("x_CacheReadTokens", "Input tokens read from the provider's cache.", figure("cache_read")),
    Column("x_CacheWriteTokens", "Input tokens written to it.", figure("cache_write")),
    Column("x_OutputTokens", "Output tokens, reasoning included.", figure("output")),
    Column("x_ReasoningTokens", "The reasoning among them.", figure("reasoning")),
    Column("x_EstimatedCost", "The part of BilledCost whose tokens are estimated.", figure("estimated_cost_usd")),
    Column("x_AnswerCacheSavings", "What answers from the site's cache would have cost.", figure("saved_usd")),
    Column("x_PromptCacheSavings", "What the providers' caches made cheaper.", figure("cache_saved_usd")),
)
QUALITY = (
    Column("x_Stops", "Calls that a user stopped.", figure("stops")),
    Column("x_Errors", "Calls that failed.", figure("errors")),
    Column("x_Retries", "Further attempts with the same model.", figure("retries")),
    Column("x_Fallbacks", "Attempts with another model.", figure("fallbacks")),
    Column("x_TokensPerSecond", "Output tokens per second, waiting included.", figure("tokens_per_s")),
)
MODEL = (
    Column("ProviderName", "The provider that was asked.", lambda row: provider_of(row.what.key)),
    Column("ServiceCategory", f"{SERVICE_CATEGORY}.", lambda row: SERVICE_CATEGORY),
    Column("ServiceName", "What people know the model by.", lambda row: row.what.title),
    Column("SkuId", "provider:model as it was asked for.", lambda row: row.what.key),
)


def provider_of(model: str) -> str:
    return model.partition(":")[0]


def rows_of(scope: Scope, found: Iterable[Line]) -> Iterator[Row]:
    for line in found:
        yield Row(scope.period.start, scope.period.end, line, line.figures)


# --- Tables ----------------------------------------------------------------------------


def dimension_columns(*named: Column) -> tuple[Column, ...]:
    return (*PERIOD, *named, *MONEY, *FIGURES, *QUALITY)


USER = (
    Column("SubAccountId", "Key of the user; it outlives the account.", lambda row: row.what.key),
    Column("SubAccountName", "Name of the user.", lambda row: row.what.title),
)
GROUP = (
    Column("x_GroupId", "Key of the group; 0 for people in no group.", lambda row: row.what.key),
    Column("x_GroupName", "Name of the group. People in several groups count in each.", lambda row: row.what.title),
    Column("x_ActiveUsers", "People in it who made calls.", lambda row: row.what.active_users),
)
PROVIDER = (Column("ProviderName", "The provider that was asked.", lambda row: row.what.key),)
PURPOSE = (Column("x_Purpose", "What the call was for.", lambda row: row.what.key),)


def table_rows(report: Callable[[Scope], reports.Table]) -> Callable[[Scope, str], Iterator[Row]]:
    return lambda scope, kind: rows_of(scope, report(scope).lines)


# --- Time, users and models, conversations -----------------------------------------------


def over_time_rows(scope: Scope, kind: str) -> Iterator[Row]:
    """A row per bucket and model that was used in it."""
    series = reports.over_time(scope)
    for number, bucket in enumerate(series.buckets):
        for stack in series.stacks:
            if stack.figures[number] != Figures():
                yield Row(bucket.start, bucket.end, stack, stack.figures[number])


@dataclass(frozen=True, slots=True)
class Pair:
    user: Line
    model: Line


def matrix_rows(scope: Scope, kind: str) -> Iterator[Row]:
    """A row per user and model that they used."""
    matrix = reports.matrix(scope, NAMES)
    for user in matrix.users:
        for model in matrix.models:
            figures = matrix.cells.get((int(user.key), str(model.key)))
            if figures is not None:
                yield Row(scope.period.start, scope.period.end, Pair(user, model), figures)


PAIR = (
    Column("SubAccountId", "Key of the user; it outlives the account.", lambda row: row.what.user.key),
    Column("SubAccountName", "Name of the user.", lambda row: row.what.user.title),
    Column("ProviderName", "The provider that was asked.", lambda row: provider_of(row.what.model.key)),
    Column("ServiceCategory", f"{SERVICE_CATEGORY}.", lambda row: SERVICE_CATEGORY),
    Column("ServiceName", "What people know the model by.", lambda row: row.what.model.title),
    Column("SkuId", "provider:model as it was asked for.", lambda row: row.what.model.key),
)
CONVERSATION = (
    Column("ResourceId", "Key of the conversation; it outlives the conversation.", lambda row: row.what.key),
    Column("ResourceType", "Conversation.", lambda row: "Conversation"),
    Column("SubAccountId", "Key of the user; it outlives the account.", lambda row: row.what.user_key),
    Column("SubAccountName", "Name of the user.", lambda row: row.what.user),
    Column("x_Deleted", "yes once the conversation has been deleted.", lambda row: "no" if row.what.exists else "yes"),
)


def conversation_rows(scope: Scope, kind: str) -> Iterator[Row]:
    """All of them, dearest first."""
    ranked, _ = dearest_conversations(scope, ALL)
    for keys in batched(ranked, CONVERSATIONS_AT_ONCE):
        for line in conversation_lines(scope, list(keys)):
            yield Row(scope.period.start, scope.period.end, line, line.figures)


# --- Models ------------------------------------------------------------------------------


def reliability_rows(scope: Scope, kind: str) -> Iterator[Row]:
    for line in reports.reliability(scope):
        yield Row(scope.period.start, scope.period.end, line, line.figures)


def unpriced_rows(scope: Scope, kind: str) -> Iterator[Row]:
    for line in reports.unpriced(scope):
        yield Row(scope.period.start, scope.period.end, line, line.figures)


ONE_MODEL = (
    Column("ProviderName", "The provider that was asked.", lambda row: row.what.provider),
    Column("ServiceCategory", f"{SERVICE_CATEGORY}.", lambda row: SERVICE_CATEGORY),
    Column("ServiceName", "What people know the model by.", lambda row: row.what.title),
    Column("SkuId", "provider:model as it was asked for.", lambda row: row.what.model),
)
RELIABILITY = (
    Column("x_Calls", "Calls of providers.", figure("calls")),
    *QUALITY,
    Column(
        "x_FirstTokenSecondsP50", "Half of the calls waited no longer; 5 % off at most.", lambda r: r.what.ttft_p50_s
    ),
    Column("x_FirstTokenSecondsP95", "95 of 100 waited no longer; 5 % off at most.", lambda r: r.what.ttft_p95_s),
    Column("x_StopShare", "Share of the calls that a user stopped, 0 to 1.", figure("stop_share")),
    Column("x_ErrorShare", "Share that failed.", figure("error_share")),
    Column("x_RetryShare", "Share that were further attempts.", figure("retry_share")),
    Column("x_FallbackShare", "Share that stood in for another model.", figure("fallback_share")),
)
UNPRICED = (
    Column("x_FirstDay", "First day with such calls, in the site's time zone.", lambda row: row.what.first_day),
    Column("x_LastDay", "Last day with such calls.", lambda row: row.what.last_day),
)


# --- Calls -------------------------------------------------------------------------------


def of_call(name: str) -> Callable[[CallLine], Any]:
    return lambda call: getattr(call, name)


def call_rows(scope: Scope, kind: str) -> Iterator[CallLine]:
    """Ledger rows, latest first, by pages of keys: memory stays flat."""
    after: str | None = None
    while True:
        page = reports.calls(scope, after, CALLS_AT_ONCE, kind)
        yield from page.lines
        if page.after is None:
            return
        after = page.after


def billing_month(call: CallLine) -> Period:
    """The calendar month of the site in which the call was made; invoices of providers may differ."""
    month = month_of(local(call.created_at).date())
    return Period(midnight(month), midnight(months_later(month, 1)))


def charge_class(call: CallLine) -> str | None:
    return "Correction" if call.corrects else None


def description(call: CallLine) -> str:
    what = f"Correction of a call of {call.model_title}" if call.corrects else f"Call of {call.model_title}"
    return f"{what} ({call.purpose}, {call.outcome})"


def tokens_of(call: CallLine) -> int | None:
    """Input and output; a correction has none."""
    counts = [call.fresh_input, call.cache_read, call.cache_write, call.output]
    if call.corrects or counts == [None] * 4:
        return None
    return sum(count or 0 for count in counts)


CALLS = (
    Column(
        "BilledCost", "What the call cost, or by how much a correction changes it; empty: unknown.", of_call("cost_usd")
    ),
    Column("EffectiveCost", "The same: nothing is amortised here.", of_call("cost_usd")),
    Column("BillingCurrency", "USD.", lambda call: CURRENCY),
    Column("BillingPeriodStart", "The calendar month of the site's time zone.", lambda call: billing_month(call).start),
    Column("BillingPeriodEnd", "Its end, itself not included.", lambda call: billing_month(call).end),
    Column("ChargeCategory", "Usage.", lambda call: "Usage"),
    Column("ChargeClass", "Correction for a correction row, else empty.", charge_class),
    Column("ChargeDescription", "In words.", description),
    Column("ChargeFrequency", "Usage-Based.", lambda call: "Usage-Based"),
    Column("ChargePeriodStart", "When the call was booked; of a correction, that of its call.", of_call("created_at")),
    Column("ChargePeriodEnd", "One second later.", lambda call: call.created_at + MOMENT),
    Column("ConsumedQuantity", "All tokens, input and output; empty when unknown.", tokens_of),
    Column("ConsumedUnit", "Tokens.", lambda call: UNIT),
    Column("ProviderName", "The provider that was asked.", of_call("provider")),
    Column("InvoiceIssuerName", "The same.", of_call("provider")),
    Column("ServiceCategory", f"{SERVICE_CATEGORY}.", lambda call: SERVICE_CATEGORY),
    Column("ServiceName", "What people know the model by.", of_call("model_title")),
    Column("SkuId", "provider:model as it was asked for.", of_call("model")),
    Column("SubAccountId", "Key of the user; it outlives the account.", of_call("user_key")),
    Column("SubAccountName", "Name of the user.", of_call("user")),
    Column("ResourceId", "Key of the conversation; it outlives the conversation.", of_call("conversation_key")),
    Column("ResourceType", "Conversation.", lambda call: "Conversation"),
    Column("x_CallId", "Key of the row.", of_call("key")),
    Column("x_CorrectsCallId", "Key of the row that a correction is about.", of_call("corrects")),
    Column("x_RecordedAt", "When the row was written.", of_call("recorded_at")),
    Column("x_GenerationId", "Key of the run; the attempts of one answer share it.", of_call("generation_key")),
    Column("x_ModelAnswered", "What the provider said which model it was.", of_call("model_answered")),
    Column("x_Purpose", "answer, retry, fallback, continue, title, ...", of_call("purpose")),
    Column("x_Outcome", "complete, stopped, interrupted, or what failed.", of_call("outcome")),
    Column("x_Confidence", "Whether the tokens are reported, estimated, partial or unknown.", of_call("confidence")),
    Column("x_FreshInputTokens", "Input tokens that were in no cache.", of_call("fresh_input")),
    Column("x_CacheReadTokens", "Input tokens read from the provider's cache.", of_call("cache_read")),
    Column("x_CacheWriteTokens", "Input tokens written to it.", of_call("cache_write")),
    Column("x_OutputTokens", "Output tokens, reasoning included.", of_call("output")),
    Column("x_ReasoningTokens", "The reasoning among them.", of_call("reasoning")),
    Column("x_AnswerCacheSavings", "What an answer from the site's cache would have cost.", of_call("saved_usd")),
    Column("x_FirstTokenSeconds", "Seconds to the first token.", of_call("ttft_s")),
    Column("x_DurationSeconds", "Seconds to the end.", of_call("duration_s")),
)

VIEWS = {
    "overview": View("Cost over time", (*PERIOD, *MODEL, *MONEY, *FIGURES, *QUALITY), over_time_rows),
    "by-user": View("Users", dimension_columns(*USER), table_rows(reports.by_user)),
    "by-group": View("Groups", dimension_columns(*GROUP), table_rows(reports.by_group)),
    "by-model": View("Models", dimension_columns(*MODEL), table_rows(reports.by_model)),
    "by-provider": View("Providers", dimension_columns(*PROVIDER), table_rows(reports.by_provider)),
    "by-purpose": View("Purposes", dimension_columns(*PURPOSE), table_rows(reports.by_purpose)),
    "matrix": View("Users and models", (*PERIOD, *PAIR, *MONEY, *FIGURES), matrix_rows),
    "conversations": View("Conversations", (*PERIOD, *CONVERSATION, *MONEY, *FIGURES), conversation_rows),
    "calls": View("Calls", CALLS, call_rows),
    "reliability": View("Reliability", (*PERIOD, *ONE_MODEL, *RELIABILITY), reliability_rows),
    "unpriced": View("Models without a price", (*PERIOD, *ONE_MODEL, *UNPRICED, *MONEY, *FIGURES), unpriced_rows),
}
