"""A long answer costs no more per character than a short one: counted in parsed characters, not in seconds."""

import time
from collections.abc import Callable

import pytest

from conversations.rendering.blocks import Blocks
from conversations.rendering.markdown import parser
from conversations.rendering.tail import tail_parser
from tests.rendering.corpus import answer_of
from tests.rendering.streaming import whole

ROWS = "".join(f"| row {number} | **bold** | `code` and text |\n" for number in range(1500))
ITEMS = "".join(f"- item {number} with **bold** and `code`\n" for number in range(500))
LONG_BLOCKS = {
    "fence": "```python\n" + "def double(x):\n    return 2 * x\n\n" * 1500 + "```\n",
    "table": "| a | b | c |\n|---|---|---|\n" + ROWS,
    "tight list": ITEMS,
    "loose list": ITEMS.replace("\n", "\n\n"),
    "list that turns loose at its end": ITEMS + "\n- last\n",
}
HOSTILE = ["`a", "a_b*c`", "\\[ a\n", "<http://", "[", "![", "*a _b ", "\\( ", "$a ", "> ", "- a\n", "[a](", "a|\n"]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Characters that went through the block phase of markdown-it so far."""
    sizes: list[int] = []
    for md in (parser(), tail_parser()):
        parse = md.block.parse

        def counting(src, *rest, parse=parse):  # type: ignore[no-untyped-def]
            sizes.append(len(src))
            return parse(src, *rest)

        monkeypatch.setattr(md.block, "parse", counting)
    return lambda: sum(sizes)


def stream(text: str) -> None:
    """Four tokens a frame, as at 50 tokens a second and 80 ms a frame."""
    blocks = Blocks()
    for start in range(0, len(text), 16):
        blocks.feed(text[start : start + 16])
        blocks.advance()
    blocks.finish()


def test_parsing_is_linear_in_the_length_of_the_answer(parsed: Callable[[], int]) -> None:
    stream(answer_of(10_000))
    short = parsed()
    stream(answer_of(50_000))
    long = parsed() - short

    assert long < 6.5 * short
    assert long < 30 * 50_000


@pytest.mark.parametrize("name", LONG_BLOCKS)
def test_a_long_block_is_not_parsed_again_and_again(name: str, parsed: Callable[[], int]) -> None:
    stream(LONG_BLOCKS[name])

    assert parsed() < 30 * len(LONG_BLOCKS[name])


def test_feeding_does_not_parse(parsed: Callable[[], int]) -> None:
    blocks = Blocks()
    for _ in range(1000):
        blocks.feed("# Title\n\ntext\n\n")

    assert parsed() == 0


def test_the_cost_of_a_frame_is_measured() -> None:
    blocks = Blocks()
    blocks.feed("# Title\n\ntext\n\n" * 50)
    blocks.advance()

    assert 0 < blocks.last_cost_s < 10


def cpu_s(text: str) -> float:
    """Seconds of CPU for the whole render and for one frame of everything."""
    began = time.thread_time()
    whole(text)
    blocks = Blocks()
    blocks.feed(text)
    blocks.advance()
    return time.thread_time() - began


@pytest.mark.slow
@pytest.mark.parametrize("fragment", HOSTILE)
def test_no_input_takes_quadratic_time(fragment: str) -> None:
    """Four times the text costs about four times as much, not sixteen."""
    short, long = (fragment * 5_000)[:5_000], (fragment * 20_000)[:20_000]
    allowed_s = 10 * max(min(cpu_s(short) for _ in range(3)), 0.02)

    assert any(cpu_s(long) < allowed_s for _ in range(3))
