"""What runs have written is saved beside them, and what could not be saved stays pending."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection

from conversations.generating.draft import Draft
from conversations.generating.saving import RUNS, keep_saving
from conversations.models import Generation
from providers.contract import TextDelta
from tests.conversations.rows import asked, taken_over

pytestmark = pytest.mark.django_db(transaction=True)


class Writing:
    """As much of a run as saving sees."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self.draft = Draft()
        self.heard: list[str] = []

    async def has_heard(self) -> bool:
        return bool(self.heard)

    def stop(self) -> None:
        self.heard.append("stop")
        del RUNS[self.generation.pk]

    def lose(self) -> None:
        self.heard.append("lose")
        del RUNS[self.generation.pk]


@pytest.fixture
async def writing(settings: Any) -> AsyncIterator[Writing]:
    settings.CHECKPOINT_INTERVAL_S = 0.01
    run = Writing(await sync_to_async(asked)())
    RUNS[run.generation.pk] = run  # type: ignore[assignment]
    saving = asyncio.create_task(keep_saving())
    yield run
    RUNS.clear()
    await saving


async def saved_text(run: Writing) -> str:
    parts = await sync_to_async(run.generation.saved_parts)()
    return "".join(part.text for part in parts)


async def until_saved(run: Writing, text: str) -> None:
    async def is_saved() -> bool:
        return await saved_text(run) == text

    await until(is_saved)


async def until(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await fact():  # noqa: ASYNC110 - what is waited for happens in the database
            await asyncio.sleep(0.01)


async def test_new_text_is_saved_soon(writing: Writing) -> None:
    writing.draft.fold(TextDelta("One "))
    await until_saved(writing, "One ")
    writing.draft.fold(TextDelta("two"))
    await until_saved(writing, "One two")


async def test_text_that_could_not_be_saved_is_saved_later(writing: Writing, caplog: pytest.LogCaptureFixture) -> None:
    away = True

    def database_is_away(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if away:
            raise OperationalError("away")
        return execute(sql, params, many, context)

    async def noticed() -> bool:
        return "will be tried again" in caplog.text

    def forbid() -> Any:
        context = connection.execute_wrapper(database_is_away)
        context.__enter__()
        return context

    forbidding = await sync_to_async(forbid)()
    writing.draft.fold(TextDelta("One "))
    await until(noticed)
    writing.draft.fold(TextDelta("two"))
    away = False
    await until_saved(writing, "One two")
    await sync_to_async(forbidding.__exit__)(None, None, None)


async def test_a_run_hears_of_a_stop_that_stands_in_its_row(writing: Writing) -> None:
    await sync_to_async(writing.generation.request_stop)()
    writing.draft.fold(TextDelta("One "))
    await until(writing.has_heard)

    assert writing.heard == ["stop"]


async def test_a_run_that_is_no_longer_mine_hears_it_and_saves_nothing(writing: Writing) -> None:
    await sync_to_async(taken_over)(writing.generation)
    writing.draft.fold(TextDelta("One "))
    await until(writing.has_heard)

    assert writing.heard == ["lose"]
    assert await saved_text(writing) == ""
