"""Text that only grows, whatever a provider sends."""

import pytest

from conversations.streaming.growing import GrowingPart

BUTTERFLY = "\ud83e\udd8b"


def grown(*deltas: str) -> GrowingPart:
    part = GrowingPart("text")
    for delta in deltas:
        part.append(delta)
    return part


def test_text_is_what_was_appended() -> None:
    part = grown("One\r\n", "two\r", "\nthree")

    assert part.text == "One\r\ntwo\r\nthree"
    assert part.length == len(part.text)
    assert part.since(5) == "two\r\nthree"


def test_reading_a_piece_does_not_disturb_the_end() -> None:
    part = grown("One ")
    part.since(0)
    part.append("two")

    assert part.text == "One two"


@pytest.mark.parametrize(
    ("deltas", "text"),
    [
        (["a", BUTTERFLY[0], BUTTERFLY[1], "b"], "a🦋b"),
        ([f"a{BUTTERFLY[0]}", f"{BUTTERFLY[1]}b"], "a🦋b"),
        ([BUTTERFLY, "b"], "🦋b"),
        ([BUTTERFLY[0], "b"], "\ufffdb"),
        (["a", BUTTERFLY[1], "b"], "a\ufffdb"),
        ([BUTTERFLY[0], BUTTERFLY[0], BUTTERFLY[1]], "\ufffd🦋"),
        (["a\0", "\0b"], "a\ufffd\ufffdb"),
        ([f"\0{BUTTERFLY[0]}", BUTTERFLY[1]], "\ufffd🦋"),
    ],
)
def test_what_cannot_be_stored_is_replaced_and_halves_meet(deltas: list[str], text: str) -> None:
    part = grown(*deltas)

    assert part.text == text
    assert part.length == len(text)
    assert part.text.encode()


def test_half_a_character_is_not_shown_until_its_other_half_has_come() -> None:
    part = grown("a", BUTTERFLY[0])

    assert (part.text, part.length) == ("a", 1)
