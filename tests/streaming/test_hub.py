"""What viewers of one run share: news when there is some, and an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

import pytest

from conversations.streaming.growing import GrowingPart
from conversations.streaming.hub import PACES_S, SLOWEST_PACE_S, Hub
from conversations.streaming.viewer import watch

MESSAGE, RUN = UUID(int=1), UUID(int=2)


@pytest.fixture
def source() -> list[GrowingPart]:
    return [GrowingPart("text")]


@pytest.fixture
async def hub(source: list[GrowingPart]) -> AsyncIterator[Hub]:
    hub = Hub(1, MESSAGE, RUN, source)
    pulse = asyncio.create_task(hub.pulse())
    yield hub
    pulse.cancel()
    with suppress(asyncio.CancelledError):
        await pulse


def say(hub: Hub, source: list[GrowingPart], text: str) -> None:
    source[0].append(text)
    hub.touch()


async def test_everybody_who_waits_hears_of_new_text(hub: Hub, source: list[GrowingPart]) -> None:
    hub.join()
    waiting = [asyncio.create_task(hub.changed(hub.version, 10)) for _ in range(3)]
    await asyncio.sleep(0)
    say(hub, source, "Some words.")

    assert await asyncio.gather(*waiting) == [True] * 3
    assert "Some words." in hub.parts[0].blocks.tail.below  # type: ignore[union-attr]


async def test_nothing_new_is_told_after_the_time_out(hub: Hub) -> None:
    hub.join()

    assert await hub.changed(hub.version, 0.01) is False
    assert hub._waiting == []


async def test_whoever_has_seen_an_older_version_does_not_wait(hub: Hub) -> None:
    hub.join()

    assert await hub.changed(hub.version - 1, 10) is True


async def test_the_end_is_told_to_those_who_wait_and_to_those_who_come_later(hub: Hub) -> None:
    hub.join()
    waiting = asyncio.create_task(hub.changed(hub.version, 10))
    await asyncio.sleep(0)
    hub.end()

    assert await waiting is True
    assert await hub.changed(hub.version, 10) is True


async def test_nothing_is_rendered_while_nobody_watches(hub: Hub, source: list[GrowingPart]) -> None:
    say(hub, source, "Some words.")
    await asyncio.sleep(0)
    unseen = list(hub.parts)
    hub.join()

    assert unseen == []
    assert "Some words." in hub.parts[0].blocks.tail.below  # type: ignore[union-attr]


async def until_wanted(hub: Hub) -> None:
    if later := hub.wanted():
        await later


async def test_a_model_that_has_not_begun_is_wanted_at_once(hub: Hub) -> None:
    await asyncio.sleep(0)

    assert hub.wanted() is None


async def test_what_is_read_when_it_is_wanted_is_in_the_next_frame(hub: Hub, source: list[GrowingPart]) -> None:
    hub.join()
    say(hub, source, "Some ")
    await hub.changed(hub.version, 10)
    first = hub.version
    await until_wanted(hub)
    unseen = hub.version
    say(hub, source, "words.")
    await hub.changed(first, 10)

    assert unseen == first
    assert "Some words." in hub.parts[0].blocks.tail.below  # type: ignore[union-attr]


async def test_a_model_that_says_no_more_is_waited_for_although_the_clock_is_behind(
    hub: Hub, source: list[GrowingPart], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conversations.streaming.hub.monotonic", lambda: 0.0)
    hub.join()
    say(hub, source, "All it says.")
    await hub.changed(hub.version, 10)

    async with asyncio.timeout(100):
        for _ in range(3):
            await until_wanted(hub)


async def test_nothing_is_left_unread_for_long_however_far_apart_frames_stand(
    hub: Hub, source: list[GrowingPart], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "pace_s", lambda: 1000.0)
    monkeypatch.setattr("conversations.streaming.hub.LONGEST_UNREAD_S", 0.01)
    say(hub, source, "Some words.")
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    async with asyncio.timeout(100):
        await until_wanted(hub)


async def test_a_run_reads_on_when_frames_have_failed(
    source: list[GrowingPart], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(1, MESSAGE, RUN, source)
    monkeypatch.setattr(hub, "pace_s", lambda: 1000.0)
    monkeypatch.setattr("conversations.streaming.hub.LONGEST_UNREAD_S", 2000.0)
    pulse = asyncio.create_task(hub.pulse())
    say(hub, source, "Some words.")
    await asyncio.sleep(0)
    waiting = asyncio.create_task(until_wanted(hub))
    await asyncio.sleep(0)
    held_back = not waiting.done()
    pulse.cancel()

    async with asyncio.timeout(5):
        await waiting
        await until_wanted(hub)
    assert held_back


async def test_a_long_tail_is_sent_less_often(hub: Hub, source: list[GrowingPart]) -> None:
    hub.join()
    paces = []
    for _ in range(4):
        paces.append(hub.pace_s())
        source[0].append("words without an end " * 600)
        hub.refresh()

    assert paces[0] >= PACES_S[0][1]
    assert paces[2] < paces[3]
    assert hub.pace_s() >= SLOWEST_PACE_S


def test_the_page_that_has_just_asked_is_let_in_once() -> None:
    hub = Hub(1, MESSAGE, RUN, [])
    nobody_asked = [hub.lets_in(key) for key in ("", None, "a session")]
    hub.expect("a session")

    assert nobody_asked == [False] * 3
    assert [hub.lets_in(key) for key in (None, "another", "a session", "a session")] == [False, False, True, False]


def test_a_session_that_no_server_gave_is_not_let_in() -> None:
    hub = Hub(1, MESSAGE, RUN, [])
    hub.expect("a session")

    assert not hub.lets_in("a s\xe9ance")


def test_the_page_that_has_just_asked_and_comes_late_is_not_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(1, MESSAGE, RUN, [])
    monkeypatch.setattr("conversations.streaming.hub.EXPECTED_FOR_S", -1.0)
    hub.expect("a session")

    assert not hub.lets_in("a session")


async def test_a_viewer_who_leaves_is_no_longer_counted(hub: Hub) -> None:
    async def final() -> str:
        return "<p>Done.</p>"

    views = [watch(hub, "", final) for _ in range(3)]
    for view in views:
        await anext(view)
        await anext(view)
    watching = hub.readers
    for view in views:
        await view.aclose()

    assert (watching, hub.readers) == (3, 0)


async def test_a_viewer_of_a_silent_run_gets_a_heartbeat(hub: Hub, settings: object) -> None:
    settings.HEARTBEAT_S = 0.01  # type: ignore[attr-defined]

    async def final() -> str:
        return ""

    view = watch(hub, "", final)
    events = [await anext(view) for _ in range(3)]
    await view.aclose()

    assert events[0].startswith(b"retry: ")
    assert events[1].startswith(b"event: reset\n")
    assert events[2] == b"event: hb\ndata: 1\n\n"


async def test_versions_that_show_nothing_new_do_not_hold_back_the_heartbeat(hub: Hub, settings: object) -> None:
    """As those of a run of another process whose model thinks in silence: its owner says that it is alive."""
    settings.HEARTBEAT_S = 0.1  # type: ignore[attr-defined]

    async def final() -> str:
        return ""

    async def touched() -> None:
        while True:
            hub.touch()
            await asyncio.sleep(0.01)

    view = watch(hub, "", final)
    touching = asyncio.create_task(touched())
    async with asyncio.timeout(10):
        events = [await anext(view) for _ in range(3)]
    touching.cancel()
    await view.aclose()

    assert events[2] == b"event: hb\ndata: 1\n\n"


async def test_a_viewers_time_is_limited(hub: Hub, settings: object) -> None:
    """The connection closes without `done`: the browser comes back, perhaps to another process."""
    settings.STREAM_LIFE_S = 0  # type: ignore[attr-defined]

    async def final() -> str:
        raise AssertionError

    assert [event.split(b"\n")[0] async for event in watch(hub, "", final)][1:] == [b"event: reset", b"retry: 100"]


async def test_a_viewers_bytes_are_limited_besides_those_that_bring_it_up_to_date(
    hub: Hub, source: list[GrowingPart], settings: object
) -> None:
    settings.STREAM_BYTES = 1_000  # type: ignore[attr-defined]
    say(hub, source, "Much was said before. " * 200 + "\n\n")

    async def final() -> str:
        raise AssertionError

    view = watch(hub, "", final)
    events = [await anext(view), await anext(view)]
    for number in range(2):
        say(hub, source, f"More {number}. " * 50)
        events.append(await anext(view))
    events += [event async for event in view]

    names = [event.split(b"\n")[0] for event in events[1:]]
    assert len(events[1]) > 1_000
    assert names == [b"event: reset", b"event: delta", b"event: delta", b"retry: 100"]


async def test_done_comes_once_and_last(hub: Hub, source: list[GrowingPart]) -> None:
    async def final() -> str:
        return "<p>Done.</p>"

    view = watch(hub, "", final)
    say(hub, source, "Some words.")
    events = [await anext(view), await anext(view)]
    hub.end()
    events += [event async for event in view]

    assert events[-1] == f"event: done\nid: {RUN}.end\ndata: <p>Done.</p>\n\n".encode()
    assert sum(event.startswith(b"event: done") for event in events) == 1
