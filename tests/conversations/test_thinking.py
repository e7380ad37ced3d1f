"""Thinking aloud between tags is reasoning, however the tags are cut."""

import pytest

from conversations.generating.thinking import ThinkTags


def sorted_out(text: str, size: int) -> dict[str, str]:
    tags, found = ThinkTags(), {"reasoning": "", "text": ""}
    for start in range(0, len(text), size):
        for kind, piece in tags.feed(text[start : start + size]):
            found[kind] += piece
    for kind, piece in tags.rest():
        found[kind] += piece
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("text", "reasoning", "rest"),
    [
        ("<think>\nHm.\n</think>\n\nYes.", "\nHm.\n", "\n\nYes."),
        ("\n<think>Hm <b> </th</think>Yes.", "Hm <b> </th", "Yes."),
        ("<think></think>Yes.", "", "Yes."),
        ("Say <think> aloud", "", "Say <think> aloud"),
        ("<thin ice>", "", "<thin ice>"),
        ("<think>never closed", "never closed", ""),
        ("<thi", "", "<thi"),
        ("", "", ""),
    ],
)
def test_the_thought_is_told_from_the_answer(text: str, reasoning: str, rest: str, size: int) -> None:
    assert sorted_out(text, size) == {"reasoning": reasoning, "text": rest}
