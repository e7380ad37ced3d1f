"""Log lines: each names what it is about by ids, and none says what anybody has written (docs/observability.md).

The text of an exception may quote what it failed on: a database that refuses a row quotes the row. So a line says as
what and where something failed, and repeats the text only of exceptions that speak of code, files and connections.
"""

import json
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError

type Ids = Mapping[str, str]

QUOTES_NOBODY = (
    AttributeError,
    ConnectionError,
    FileNotFoundError,
    ImportError,
    ImproperlyConfigured,
    InterfaceError,
    NameError,
    OperationalError,
    PermissionError,
    TimeoutError,
    TypeError,
)

# These put what failed below the first line of their messages.
FIRST_LINE_ONLY = ("asyncio", "_granian")

_ids: ContextVar[Callable[[], Ids]] = ContextVar("ids", default=dict)


# --- What lines are about -----------------------------------------------------


def ids_here() -> Ids:
    """What is done here is about, as far as known: `request`, `user`, `conversation`, `generation`, `task` and more."""
    return _ids.get()()


def request_here() -> Ids:
    """The id of the request in which this is done, for work that outlives it."""
    return {name: value for name, value in ids_here().items() if name == "request"}


def speak_of(ids: Callable[[], Ids]) -> None:
    """All lines of this context, of a request or a task, carry `ids()` from now on. It is asked for each of them."""
    _ids.set(ids)


@contextmanager
def speaking_of(ids: Ids) -> Iterator[None]:
    """Lines within the block carry these ids besides those of around it."""
    both = {**ids_here(), **ids}
    token = _ids.set(lambda: both)
    try:
        yield
    finally:
        _ids.reset(token)


# --- How lines look -----------------------------------------------------------


class Line(logging.Formatter):
    """For people: `time level logger: message [request=... user=...]`, then where it failed."""

    def format(self, record: logging.LogRecord) -> str:
        ids = " ".join(f"{name}={value}" for name, value in ids_here().items())
        head = f"{self.formatTime(record)} {record.levelname} {record.name}: {said(record)}"
        return f"{head} [{ids}]{trace_of(record)}" if ids else f"{head}{trace_of(record)}"


class JSONLine(logging.Formatter):
    """For machines: one object a line. `fields` of a record become members, too."""

    def format(self, record: logging.LogRecord) -> str:
        members: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": said(record),
            "process": record.process,
            **ids_here(),
            **getattr(record, "fields", {}),
        }
        if trace := trace_of(record):
            members["trace"] = trace.lstrip("\n")
        return json.dumps(members, ensure_ascii=False)


def said(record: logging.LogRecord) -> str:
    """The message, without the texts of exceptions that libraries put into theirs, Celery as `exc`."""
    message, args = record.msg, record.args
    if isinstance(message, BaseException):
        message = named(message)
    if isinstance(args, tuple):
        args = tuple(named(arg) if isinstance(arg, BaseException) else arg for arg in args)
    elif isinstance(args, Mapping) and "exc" in args:
        args = {**args, "exc": str(args["exc"]).partition("(")[0]}
    text = str(message) % args if args else str(message)
    return text.partition("\n")[0] if record.name.startswith(FIRST_LINE_ONLY) else text.rstrip("\n")


def named(error: BaseException) -> str:
    """Its type, and its text where that quotes nobody."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{name}: {error}" if isinstance(error, QUOTES_NOBODY) else name


def trace_of(record: logging.LogRecord) -> str:
    """Where it failed, line by line, beginning with a line end; empty when nothing did."""
    error = record.exc_info[1] if record.exc_info else None
    return "".join(f"\n{line}" for line in trace_lines(error, set())) if error else ""


def trace_lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier and id(earlier) not in seen:
        yield from trace_lines(earlier, seen)
        yield "which led to"
    for frame in traceback.format_tb(error.__traceback__):
        yield frame.rstrip("\n")
    yield named(error)
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            if id(inner) not in seen:
                yield from trace_lines(inner, seen)
