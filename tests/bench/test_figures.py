"""The benchmark's own arithmetic, on runs whose figures are known."""

from tests.bench.figures import MONOTONIC_TO_WALL, added_delays_s, added_first_token_s, spread
from tests.bench.visitor import Visit
from tests.bench.words import TOKEN_CHARS, text_of, word_ends
from tests.simulator.records import Seen

TOKENS = 40
TEXT = text_of(3, TOKENS)
EVERY_S = 0.02


def sent_steadily(*, began_at: float) -> Seen:
    """One token every 20 ms; the request came 5 ms before the first."""
    log = [(began_at + number * EVERY_S, (number + 1) * TOKEN_CHARS) for number in range(TOKENS)]
    return Seen(
        id=1,
        api="",
        purpose="answer",
        model="",
        status=200,
        state="finished",
        arrived_at=began_at - 0.005 - MONOTONIC_TO_WALL,
        ended_at=None,
        client_gone_at=None,
        headers={},
        body={},
        sent_text=TEXT,
        sent_chars=len(TEXT),
        sent_bytes=0,
        log=log,
    )


def shown_after(delay_s: float, seen: Seen) -> Visit:
    """Each token as a frame of its own, so much later than it was sent. Asked 0.1 s before the first was sent."""
    arrivals = [(at + delay_s, TEXT[chars - TOKEN_CHARS : chars].encode()) for at, chars in seen.log]
    return Visit("?", asked_at=seen.log[0][0] - 0.1, arrivals=arrivals)


def test_every_word_is_as_late_as_its_last_letter() -> None:
    seen = sent_steadily(began_at=1000.0)

    delays = added_delays_s(shown_after(0.25, seen), seen, TOKENS)

    assert len(delays) == len(word_ends(TOKENS)) > 3
    assert {round(delay, 6) for delay in delays} == {0.25}


def test_delays_of_a_part_of_the_time_are_those_of_words_sent_then() -> None:
    seen = sent_steadily(began_at=1000.0)
    middle = seen.log[10][0], seen.log[29][0]

    delays = added_delays_s(shown_after(0.25, seen), seen, TOKENS, middle)

    assert 0 < len(delays) < len(word_ends(TOKENS))
    assert {round(delay, 6) for delay in delays} == {0.25}


def test_the_time_the_provider_took_is_not_added_by_us() -> None:
    seen = sent_steadily(began_at=1000.0)

    added = added_first_token_s(shown_after(0.25, seen), seen)

    assert round(added, 6) == 0.1 + 0.25 - 0.005


def test_texts_have_one_shape_and_no_words_in_common() -> None:
    assert len(text_of(1, TOKENS)) == len(text_of(2, TOKENS)) == TOKENS * TOKEN_CHARS
    assert text_of(1, TOKENS).replace("s001w", "s002w") == text_of(2, TOKENS)


def test_a_spread_tells_the_middle_and_the_end() -> None:
    found = spread(number / 1000 for number in range(101))

    assert found is not None
    assert (round(found.p50), round(found.p99)) == (50, 99)
    assert spread([]) is None
