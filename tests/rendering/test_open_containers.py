"""The container that is being written: what a viewer may append and what it must replace."""

from conversations.rendering.blocks import Blocks, Tail
from conversations.rendering.markdown import render
from tests.rendering.corpus import answers, tokens
from tests.rendering.streaming import finished_html, whole


def growing(text: str) -> Blocks:
    blocks = Blocks()
    blocks.feed(text)
    blocks.advance()
    return blocks


def test_an_open_fence_shows_its_lines_and_the_one_being_written() -> None:
    blocks = growing("Look:\n\n```Python title\na = 1\n  b < 2\nc =")

    assert blocks.open is not None
    assert (blocks.open.kind, blocks.open.start) == ("code", 7)
    assert blocks.open.head.endswith('<pre tabindex="0"><code class="language-python">')
    assert "<button" not in blocks.open.head
    assert blocks.open.units == ["a = 1\n", "  b &lt; 2\n"]
    assert blocks.tail == Tail("c =", "")
    assert blocks.open.foot == "</code></pre></figure>\n"


def test_a_line_that_may_close_the_fence_is_not_shown() -> None:
    assert growing("```\na\n``").tail == Tail("", "")


def test_a_closed_fence_is_one_finished_block_with_buttons() -> None:
    blocks = growing("```py\nif x:\n    pass\n```\n")

    assert blocks.open is None
    [block] = blocks.finished
    assert "data-copy" in block.html and '<span class="k">if</span>' in block.html
    assert block.end == len("```py\nif x:\n    pass\n```")


def test_an_open_list_keeps_its_finished_items() -> None:
    blocks = growing("3. a\n4. b\n5. c **d")

    assert blocks.open is not None
    assert (blocks.open.kind, blocks.open.head) == ("list", '<ol start="3">\n')
    assert blocks.open.units == ["<li>a</li>\n"]
    assert blocks.tail.inside == "<li>b</li>\n<li>c <strong>d</strong></li>\n"


def test_units_only_grow_while_the_version_is_the_same() -> None:
    for answer in answers():
        blocks, before, version = Blocks(), [], (-1, 0)
        for token in tokens(answer):
            blocks.feed(token)
            blocks.advance()
            if blocks.open is None:
                continue
            if version == (blocks.open.start, blocks.open.version):
                assert blocks.open.units[: len(before)] == before
            version, before = (blocks.open.start, blocks.open.version), [*blocks.open.units]


def test_a_tight_list_that_turns_loose_is_a_new_version() -> None:
    blocks = growing("- a\n- b\n- c\n")
    assert blocks.open is not None
    assert (blocks.open.version, blocks.open.units[0]) == (0, "<li>a</li>\n")

    blocks.feed("\n- d\n")
    blocks.advance()

    assert (blocks.open.version, blocks.open.units[0]) == (1, "<li>\n<p>a</p>\n</li>\n")


def test_a_first_task_changes_the_head_of_the_list() -> None:
    blocks = growing("- a\n- b\n- [x] c\n- d\n")

    assert blocks.open is not None
    assert (blocks.open.version, blocks.open.head) == (1, '<ul class="contains-task-list">\n')


def test_an_open_table_appends_rows() -> None:
    blocks = growing("| a | b |\n|:-:|---|\n| 1 | 2 |\n| **c")

    assert blocks.open is not None
    assert blocks.open.kind == "table"
    assert blocks.open.head.endswith("<tbody>\n")
    assert blocks.open.units == ['<tr>\n<td class="align-center">1</td>\n<td>2</td>\n</tr>\n']
    assert "<strong>c</strong>" in blocks.tail.inside


def test_a_block_below_the_open_list_is_in_the_tail_below() -> None:
    blocks = growing("- a\n- b\n\nNext par")

    assert "<li>\n<p>b</p>\n</li>" in blocks.tail.inside or "<li>b</li>" in blocks.tail.inside
    assert blocks.tail.below == "<p>Next par</p>\n"


def test_everything_that_is_shown_is_in_the_html() -> None:
    blocks = growing("# Title\n\n- a\n- b\n\nNext")

    assert blocks.html() == "<h1>Title</h1>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<p>Next</p>\n"


def test_a_late_definition_is_known_to_need_the_canonical_render() -> None:
    text = "See [this][ref].\n\nMore.\n\n[ref]: http://example.org\n"
    blocks = growing(text)
    blocks.finish()

    assert blocks.has_late_references
    assert finished_html(blocks) != whole(text)
    assert 'href="http://example.org"' in render(text)


def test_nothing_new_costs_nothing() -> None:
    blocks = growing("# Title\n\n- a\n- b")
    tail = blocks.tail
    blocks.advance()

    assert blocks.tail is tail
    assert blocks.last_cost_s < 0.01
