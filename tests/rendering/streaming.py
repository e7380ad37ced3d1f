"""Feed a text to `Blocks` in pieces and look at what a viewer would hold."""

from collections.abc import Iterable

from conversations.rendering.blocks import Blocks
from conversations.rendering.highlighting import highlight_here
from conversations.rendering.markdown import render, render_with


def streamed(deltas: Iterable[str]) -> Blocks:
    """Blocks after every delta had its own frame and the text ended."""
    blocks = Blocks()
    for delta in deltas:
        blocks.feed(delta)
        blocks.advance()
    blocks.finish()
    return blocks


def pieces(text: str, size: int, offset: int = 0) -> list[str]:
    return [text[:offset], *(text[start : start + size] for start in range(offset, len(text), size))]


def finished_html(blocks: Blocks) -> str:
    return "".join(block.html for block in blocks.finished)


def whole(text: str) -> str:
    """The canonical render, with code above 2 KB left plain as in a stream."""
    return render_with(highlight_here, text)


def assert_equals_render(text: str, deltas: Iterable[str]) -> Blocks:
    """What the blocks hold is the render of the whole text, unless a reference came before its definition."""
    blocks = streamed(deltas)
    ends = [block.end for block in blocks.finished]
    assert ends == sorted(set(ends)), text
    if not blocks.has_late_references:
        assert finished_html(blocks) == whole(text), text
    assert blocks.final_html() in (None, render(text)), text
    return blocks
