"""Bytes cut anywhere are the same events."""

import json
import random
import tracemalloc

import pytest

from providers.sse import EventDecoder
from tests.providers.recordings import SEED, Recording, recordings

ONE_EVENT = [
    (b"data: one\n\n", [b"one"]),
    (b"data:one\n\n", [b"one"]),
    (b"data:  one\n\n", [b" one"]),
    (b"data: one\r\n\r\n", [b"one"]),
    (b"data: one\r\r", [b"one"]),
    (b"data: one\r\n\ndata: two\n\r\n", [b"one", b"two"]),
    (b"data: one\ndata: more\n\n", [b"one\nmore"]),
    (b"data: one\rdata: more\r\n\r", [b"one\nmore"]),
    (b"event: delta\nid: 7\nretry: 9\ndata: one\n\n", [b"one"]),
    (b": keep-alive\n\n: again\n\ndata: one\n: within\n\n", [b"one"]),
    (b"\xef\xbb\xbfdata: one\n\n", [b"one"]),
    (b"event: ping\n\ndata: one\n\n", [b"one"]),
    (b"data\n\ndata:\n\ndata: one\n\n", [b"one"]),
    ("data: 你好 😄\u2028\x85\n\n".encode(), ["你好 😄\u2028\x85".encode()]),
    (b"data: a\x0bb\x0cc\x1cd\n\n", [b"a\x0bb\x0cc\x1cd"]),
    (b"database: none\n\ndata: one\n\n", [b"one"]),
]


@pytest.mark.parametrize(("body", "events"), ONE_EVENT, ids=lambda value: repr(value)[:50])
def test_an_event_is_the_same_however_its_bytes_are_cut(body: bytes, events: list[bytes]) -> None:
    assert decoded([body]) == events
    assert decoded([bytes([byte]) for byte in body]) == events
    for cut in range(1, len(body)):
        assert decoded([body[:cut], b"", body[cut:]]) == events


@pytest.mark.parametrize("recording", [*recordings("openai_responses"), *recordings("openai_chat")], ids=str)
def test_a_recording_is_the_same_byte_by_byte(recording: Recording) -> None:
    body = recording.body
    whole = decoded([body])

    assert decoded([body[i : i + 1] for i in range(len(body))]) == whole
    assert all(payload == b"[DONE]" or json.loads(payload) for payload in whole)


def test_random_pieces_of_mixed_line_ends_are_the_same_events() -> None:
    pick = random.Random(SEED)
    for _ in range(300):
        body = "".join(pick.choice(["data: é", "data:😄", ":c", "x", "\r", "\n", "\r\n"]) for _ in range(30)).encode()
        cuts = sorted(pick.sample(range(len(body) + 1), 5))
        pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
        assert decoded(pieces) == decoded([body]), f"seed {SEED}: {pieces}"


def test_an_event_is_given_as_soon_as_its_blank_line_has_come() -> None:
    decoder = EventDecoder()

    assert decoder.feed(b"data: one\r") == []
    assert decoder.feed(b"\n\r") == [b"one"]
    assert decoder.feed(b"\ndata: two\n\n") == [b"two"]


def test_a_last_event_without_its_blank_line_still_counts() -> None:
    decoder = EventDecoder()

    assert decoder.feed(b"data: [DONE]") == []
    assert decoder.end() == [b"[DONE]"]
    assert decoder.end() == []


def test_what_is_no_event_is_kept_aside() -> None:
    decoder = EventDecoder()

    assert decoder.feed(b'{\n  "error": {"code": 503}\n}\n') + decoder.end() == []
    assert json.loads(decoder.stray) == {"error": {"code": 503}}


def test_little_is_kept_of_a_long_page() -> None:
    decoder = EventDecoder()

    for _ in range(100):
        decoder.feed(b"<p>" + b"x" * 10_000 + b"</p>\n")

    assert decoder.stray.startswith(b"<p>xxx")
    assert len(decoder.stray) < 100_000


def test_a_long_event_in_many_pieces_is_not_copied_for_each() -> None:
    """Eight megabytes in pieces of 80 bytes: copying the beginning for each would move 400 gigabytes."""
    decoder = EventDecoder()
    decoder.feed(b"data: ")
    tracemalloc.start()
    for _ in range(100_000):
        decoder.feed(b"x" * 80)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    (event,) = decoder.feed(b"\n\n")

    assert len(event) == 8_000_000
    assert peak < 3 * 8_000_000


def decoded(pieces: list[bytes]) -> list[bytes]:
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()
