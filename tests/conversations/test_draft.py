"""Provider events become parts; what is not saved yet is handed out once."""

from uuid import UUID

import pytest

from conversations.generating.draft import Draft
from conversations.models import Message, Part
from providers.contract import Citation, ReasoningDelta, TextDelta, ToolCall

RUN = UUID(int=1)


def parts(draft: Draft) -> list[tuple[str, str]]:
    return [(part.kind, part.text) for part in draft.parts]


def test_a_delta_of_another_kind_begins_a_new_part() -> None:
    draft = Draft()
    for event in (
        ReasoningDelta("Hm"),
        ReasoningDelta("m."),
        TextDelta("Yes"),
        TextDelta("."),
        ReasoningDelta("But"),
        TextDelta("No"),
    ):
        draft.fold(event)

    assert parts(draft) == [("reasoning", "Hmm."), ("text", "Yes."), ("reasoning", "But"), ("text", "No")]


def test_an_empty_delta_begins_nothing() -> None:
    draft = Draft()
    draft.fold(TextDelta(""))
    draft.fold(ReasoningDelta(""))

    assert draft.parts == []
    assert draft.unsaved(RUN) == []


def test_what_is_unsaved_is_handed_out_once() -> None:
    draft = Draft()
    draft.fold(TextDelta("One "))
    first = [(row.part, row.start, row.text) for row in draft.unsaved(RUN)]
    nothing = draft.unsaved(RUN)
    draft.fold(TextDelta("two"))
    draft.fold(ToolCall("1", "add", {"a": 1}))
    second = [(row.part, row.start, row.kind, row.text) for row in draft.unsaved(RUN)]

    assert first == [(0, 0, "One ")]
    assert nothing == []
    assert second == [(0, 4, "text", "two"), (1, 0, "tool_call", "")]


def test_reasoning_has_a_duration_once_it_is_over() -> None:
    draft = Draft()
    draft.fold(ReasoningDelta("Hm."))
    before = dict(draft.parts[0].data)
    draft.fold(TextDelta("Yes."))

    assert before == {}
    assert draft.parts[0].data["duration_s"] >= 0


def test_a_source_is_named_once_with_the_text_it_belongs_to() -> None:
    draft = Draft()
    draft.fold(TextDelta("So they say."))
    for _ in range(2):
        draft.fold(Citation("https://example.org/", "Example"))

    assert draft.parts[0].data["sources"] == [{"url": "https://example.org/", "title": "Example"}]


def test_characters_that_a_database_refuses_are_replaced() -> None:
    draft = Draft()
    draft.fold(TextDelta("a\0b"))
    draft.fold(Citation("https://example.org/", "a\0b \ud800"))
    draft.fold(ToolCall("1", "add", {"a\0": ["\ud83d", float("nan"), 1.5, None, True]}))

    assert parts(draft) == [("text", "a\ufffdb"), ("tool_call", "")]
    assert draft.parts[0].data["sources"][0]["title"] == "a\ufffdb \ufffd"
    assert draft.parts[1].data["arguments"] == {"a\ufffd": ["\ufffd", None, 1.5, None, True]}


# --- continue ---------------------------------------------------------------


def partial(text: str, *before: Part) -> list[Part]:
    return [*before, Part(index=len(before), kind="text", text=text)]


def test_a_continued_answer_goes_on_in_its_last_text() -> None:
    draft = Draft(partial("Half an ", Part(index=0, kind="reasoning", text="Hm.")))
    draft.fold(TextDelta("answer."))

    assert parts(draft) == [("reasoning", "Hm."), ("text", "Half an answer.")]


def test_what_the_model_repeats_of_its_end_is_dropped_however_it_is_cut() -> None:
    old, new = "The quick brown fox jumps", " brown fox jumps over the lazy dog."
    for cut in range(1, 12):
        draft = Draft(partial(old))
        for start in range(0, len(new), cut):
            draft.fold(TextDelta(new[start : start + cut]))
        assert draft.finished(Message())[-1].text == "The quick brown fox jumps over the lazy dog.", cut


@pytest.mark.parametrize("new", ["s. ", "e end", "e end of", " again", "The end"])
def test_an_ending_that_is_like_the_old_text_is_not_lost(new: str) -> None:
    """Held back as long as it may be a repetition; a short likeness is chance."""
    draft = Draft(partial("This is the end of the"))
    draft.fold(TextDelta(new))

    assert draft.finished(Message())[-1].text == f"This is the end of the{new}"


def test_thoughts_about_how_to_go_on_do_not_cut_the_text_in_two() -> None:
    draft = Draft(partial("Half an "))
    draft.fold(ReasoningDelta("Where was I?"))
    draft.fold(TextDelta("answer."))

    assert parts(draft) == [("text", "Half an answer.")]


def test_nothing_of_the_old_text_is_saved_again() -> None:
    draft = Draft(partial("Half an "))

    assert draft.unsaved(RUN) == []
    draft.fold(TextDelta("answer."))
    assert [(row.start, row.text) for row in draft.unsaved(RUN)] == [(8, "answer.")]
