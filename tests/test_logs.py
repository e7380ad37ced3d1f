"""Lines say what they are about by ids, and repeat nothing that somebody may have written."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from chatsite.logs import JSONLine, Line, ids_here, speak_of, speaking_of

WRITTEN = "what alice wrote"


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What a logger of ours writes, as JSON and as lines, in turns."""
    written: list[str] = []
    # Requests of Django's test client have no context of their own.
    speak_of(dict)

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handlers = [Keep(), Keep()]
    for handler, formatter in zip(handlers, (JSONLine(), Line()), strict=True):
        handler.setFormatter(formatter)
        logging.getLogger("tests").addHandler(handler)
    yield written
    for handler in handlers:
        logging.getLogger("tests").removeHandler(handler)


def test_a_line_names_what_it_is_about(lines: list[str]) -> None:
    with speaking_of({"request": "r1", "user": "7"}), speaking_of({"generation": "g1"}):
        logging.getLogger("tests").warning("ended after %d s", 3)
    as_json, as_line = lines

    found = json.loads(as_json)
    assert found["message"] == "ended after 3 s"
    assert (found["level"], found["logger"]) == ("WARNING", "tests")
    assert {name: found[name] for name in ("request", "user", "generation")} == {
        "request": "r1",
        "user": "7",
        "generation": "g1",
    }
    assert as_line.endswith("WARNING tests: ended after 3 s [request=r1 user=7 generation=g1]")
    assert ids_here() == {}


async def test_two_tasks_do_not_mix_their_ids(lines: list[str]) -> None:
    async def speak(user: str) -> None:
        with speaking_of({"user": user}):
            await asyncio.sleep(0)
            logging.getLogger("tests").warning("I am %s", user)

    await asyncio.gather(speak("1"), speak("2"))

    said = [json.loads(line) for line in lines[::2]]
    assert [(line["message"], line["user"]) for line in said] == [("I am 1", "1"), ("I am 2", "2")]


def refused() -> None:
    """Fails as a database does that will not have a row."""
    try:
        raise KeyError(WRITTEN)
    except KeyError as error:
        raise IntegrityError(f"Failing row contains ({WRITTEN})") from error


def test_a_failure_is_told_by_type_and_place_and_not_by_its_text(lines: list[str]) -> None:
    try:
        refused()
    except IntegrityError:
        logging.getLogger("tests").exception("checkpoint was refused")
    as_json, as_line = lines

    for told in (json.loads(as_json)["trace"], as_line):
        assert WRITTEN not in told
        assert "in refused" in told
        assert "KeyError\nwhich led to\n" in told
        assert told.endswith("django.db.utils.IntegrityError")


def test_a_group_tells_each_failure_in_it(lines: list[str]) -> None:
    try:
        raise ExceptionGroup(WRITTEN, [ValueError(WRITTEN), ConnectionRefusedError(111, "refused")])
    except ExceptionGroup:
        logging.getLogger("tests").exception("failed")
    trace = json.loads(lines[0])["trace"]

    assert trace.endswith("ExceptionGroup\nValueError\nConnectionRefusedError: [Errno 111] refused")


def test_what_fails_of_connections_and_code_keeps_its_text(lines: list[str]) -> None:
    try:
        raise OperationalError("connection refused")
    except OperationalError:
        logging.getLogger("tests").exception("not yet")

    assert json.loads(lines[0])["trace"].endswith("django.db.utils.OperationalError: connection refused")


@pytest.mark.parametrize(
    ("message", "args", "said"),
    [
        ("Exception inside application: %s", (ValueError(WRITTEN),), "Exception inside application: ValueError"),
        (ValueError(WRITTEN), (), "ValueError"),
        ("Task %(name)s: %(exc)s", ({"name": "t", "exc": repr(ValueError(WRITTEN))},), "Task t: ValueError"),
    ],
    ids=["daphne", "bare", "celery"],
)
def test_exceptions_within_the_messages_of_libraries_lose_their_text(
    lines: list[str], message: Any, args: tuple[Any, ...], said: str
) -> None:
    logging.getLogger("tests").error(message, *args)

    assert json.loads(lines[0])["message"] == said


async def test_a_forgotten_task_is_told_without_what_it_failed_of(lines: list[str]) -> None:
    handlers = logging.getLogger("tests").handlers
    for handler in handlers:
        logging.getLogger("asyncio").addHandler(handler)
    try:
        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        del task
        await asyncio.sleep(0)
    finally:
        for handler in handlers:
            logging.getLogger("asyncio").removeHandler(handler)

    assert json.loads(lines[0])["message"] == "Task exception was never retrieved"
    assert WRITTEN not in "".join(lines)


async def fail() -> None:
    raise ValueError(WRITTEN)


def test_what_granian_tells_below_its_first_line_is_left_out() -> None:
    message = f"Application callable raised an exception\nTraceback\nValueError: {WRITTEN}"
    record = logging.LogRecord("_granian.utils", logging.ERROR, __file__, 1, message, (), None)

    assert json.loads(JSONLine().format(record))["message"] == "Application callable raised an exception"


def test_times_are_utc() -> None:
    record = logging.LogRecord("tests", logging.ERROR, __file__, 1, "m", (), None)
    record.created = 0.5

    assert json.loads(JSONLine().format(record))["time"] == "1970-01-01T00:00:00.500+00:00"
