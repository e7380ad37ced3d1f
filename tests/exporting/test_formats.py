"""What people and programs find in each format."""

import csv
import io
import json

import pytest

from conversations.exporting.csv import COLUMNS, cell
from conversations.exporting.markdown import plain
from conversations.models import Conversation, Generation, Part
from tests.conversations.rows import answered, asked, new_conversation
from tests.exporting.exported import branched, exported, lines, members

pytestmark = pytest.mark.django_db
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =1+1", '=HYPERLINK("http://evil.example";"x")']


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


# --- CSV and JSONL ----------------------------------------------------------


def test_csv_has_a_row_for_each_message_with_the_documented_columns() -> None:
    branched()
    rows = rows_of(exported("csv").read_bytes())

    assert list(rows[0]) == list(COLUMNS)
    assert [row["role"] for row in rows] == ["user", "assistant", "assistant", "user", "assistant"]
    assert [row["chosen"] for row in rows] == ["yes", "no", "yes", "yes", "yes"]
    assert rows[2]["text"] == "Second **answer** é 中文 🎉\u2028 next."
    assert rows[2]["reasoning"] == "Let me think."
    assert (rows[2]["input_tokens"], rows[2]["output_tokens"]) == ("3", "2")


def test_an_unknown_cost_is_empty_and_not_zero() -> None:
    answered(asked())
    rows = rows_of(exported("csv").read_bytes())

    assert rows[1]["cost_usd"] == ""


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_can_be_taken_for_a_formula(formula: str) -> None:
    conversation = answered(asked(text=formula), formula).conversation
    Conversation.objects.filter(pk=conversation.pk).update(title=formula)
    rows = rows_of(exported("csv").read_bytes())

    assert [row["conversation_title"] for row in rows] == [f"'{formula}"] * 2
    assert [row["text"] for row in rows] == [f"'{formula}"] * 2


def test_ordinary_cells_stay_as_they_are() -> None:
    assert [cell(value) for value in ("1+1=2", "a@b", 5, None, -1)] == ["1+1=2", "a@b", 5, None, -1]


def test_jsonl_has_a_message_per_line() -> None:
    branched()
    found = lines(exported("jsonl").read_bytes())

    assert [line["role"] for line in found] == ["user", "assistant", "assistant", "user", "assistant"]
    assert found[2]["text"] == "Second **answer** é 中文 🎉\u2028 next."
    assert [part["kind"] for part in found[2]["parts"]] == ["text", "reasoning"]
    assert "html" not in found[2]["parts"][0]


# --- Markdown and HTML ------------------------------------------------------


def test_markdown_tells_the_chosen_branch_first_and_then_the_other_versions() -> None:
    branched(text="Why *so*?")
    inside = members(exported("markdown"))
    [name] = [name for name in inside if name != "index.md"]
    page = inside[name].decode()
    chosen, others = page.split("## Other versions")

    assert page.startswith("# Why \\*so\\*?\n")
    assert "Second **answer**" in chosen
    assert "version 2 of 2" in chosen
    assert "First answer." not in chosen
    assert "First answer." in others
    assert "This answer was stopped." in others
    assert f"[Why \\*so\\*?]({name})" in inside["index.md"].decode()


def test_titles_cannot_write_markdown_into_the_index() -> None:
    assert plain("a](http://evil.example) <b>\n# x") == r"a\](http://evil.example) \<b\> \# x"


def test_html_pages_stand_alone() -> None:
    conversation = branched(text="<script>alert(1)</script>")
    Conversation.objects.filter(pk=conversation.pk).update(title="<img src=x onerror=alert(1)>")
    inside = members(exported("html"))
    pages = [content.decode() for content in inside.values()]

    assert len(pages) == 2
    for page in pages:
        assert "default-src 'none'; style-src 'sha256-" in page
        assert "<script" not in page
        assert "<link" not in page
        assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in pages[0]
    assert "Second <strong>answer</strong>" in pages[0]


def test_two_conversations_of_the_same_title_have_a_page_each() -> None:
    branched(), branched()
    inside = members(exported("markdown"))

    assert len([name for name in inside if name.startswith("conversations/")]) == 2


# --- fine-tuning ------------------------------------------------------------


def examples() -> list[list[tuple[str, str]]]:
    found = lines(exported("fine_tuning").read_bytes())
    assert all(list(example) == ["messages"] for example in found)
    return [[(said["role"], said["content"]) for said in example["messages"]] for example in found]


def test_an_example_is_the_chosen_branch_with_its_system_prompt() -> None:
    conversation = branched()
    Conversation.objects.filter(pk=conversation.pk).update(system_prompt="Be brief.")

    assert examples() == [
        [
            ("system", "Be brief."),
            ("user", "Why?"),
            ("assistant", "Second **answer** é 中文 🎉\u2028 next."),
            ("user", "And then?"),
            ("assistant", "Then this."),
        ]
    ]


@pytest.mark.parametrize("status", ["stopped", "failed", "interrupted"])
def test_an_example_ends_before_an_answer_that_is_not_whole(status: str) -> None:
    conversation = answered(asked(), "Whole.").conversation
    answered(asked(conversation, "More?"), "Broken off", status=status)
    answered(asked(conversation, "Again?"), "Whole again.")

    assert examples() == [[("user", "Why?"), ("assistant", "Whole.")]]


def test_an_answer_that_was_cut_at_its_longest_is_not_whole() -> None:
    run = answered(asked(), "Too long")
    Generation.objects.filter(pk=run.pk).update(finish_reason="length")

    assert examples() == []


def test_conversations_without_a_whole_answer_and_with_pictures_have_no_line() -> None:
    new_conversation()
    question = answered(asked()).message.parent
    Part.objects.create(message=question, index=1, kind=Part.Kind.IMAGE, data={"name": "x.png"})
    asked()

    assert examples() == []


def test_every_line_is_an_example_as_openai_checks_it() -> None:
    """Roles, keys and contents, as the checks for chat examples in OpenAI's cookbook want them."""
    branched(), branched()
    for line in exported("fine_tuning").read_bytes().decode().split("\n")[:-1]:
        messages = json.loads(line)["messages"]
        assert messages[-1]["role"] == "assistant"
        for message in messages:
            assert set(message) == {"role", "content"}
            assert message["role"] in ("system", "user", "assistant")
            assert message["content"].strip()
