"""A viewer is led from nothing to the whole answer, whatever it misses on the way."""

import random
from uuid import UUID

import pytest

from conversations.rendering.markdown import render
from conversations.streaming.cursor import parse_cursor
from conversations.streaming.frames import Position, delta_frame, position_at, reset_frame
from conversations.streaming.growing import GrowingPart
from conversations.streaming.hub import Hub
from tests.streaming.page import Page, canonical

MESSAGE, RUN = UUID(int=1), UUID(int=2)
ANSWER = """# Title

Some **bold** text with `code`,
over two lines.

- one
- two

  with a paragraph
- three

1. first
2. second

| a | b |
|---|---|
| 1 | 2 |
| 3 | 4 |

```python
def f(x):

    return "<b>" + x
```

> a quote
> goes on

Last words."""


class Stream:
    """An answer that grows, and one page that watches it."""

    def __init__(self) -> None:
        self.source: list[GrowingPart] = []
        self.hub = Hub(1, MESSAGE, RUN, self.source)
        self.page = Page(str(MESSAGE))
        self.held: Position | None = None

    def say(self, kind: str, text: str) -> None:
        if not self.source or self.source[-1].kind != kind:
            self.source.append(GrowingPart(kind))
        self.source[-1].append(text)

    def frame(self) -> None:
        self.hub.refresh()
        if self.held is None:
            self.held = position_at(self.hub, parse_cursor(self.page.last_event_id))
        make = reset_frame(self.hub) if self.held is None else delta_frame(self.hub, self.held)
        data, self.held = make
        self.page.receive(data)

    def disconnect(self) -> None:
        """The connection is gone; the page keeps what it holds and its last event id."""
        self.held = None

    def finish(self) -> None:
        self.source.append(GrowingPart("tool_call", {"name": "end"}))
        self.frame()


def pieces(text: str, chance: random.Random) -> list[str]:
    found = []
    while text:
        cut = chance.randint(1, 12)
        found.append(text[:cut])
        text = text[cut:]
    return found


@pytest.mark.parametrize("seed", range(30))
def test_what_a_page_holds_at_the_end_is_the_rendered_text(seed: int) -> None:
    chance, stream = random.Random(seed), Stream()
    for piece in pieces(ANSWER, chance):
        stream.say("text", piece)
        if chance.random() < 0.5:
            stream.frame()
        if chance.random() < 0.1:
            stream.disconnect()
    stream.finish()

    assert stream.page.blocks(0) == canonical(render(ANSWER))
    assert stream.page.is_settled(0)


def test_a_page_that_comes_back_gets_a_delta_and_nothing_twice() -> None:
    stream = Stream()
    stream.say("text", "One.\n\nTwo.\n\nThr")
    stream.frame()
    stream.disconnect()
    stream.say("text", "ee.\n\nFour")
    stream.frame()

    assert stream.page.events == ["reset", "delta"]
    assert stream.page.blocks(0) == canonical(render("One.\n\nTwo.\n\nThree."))


@pytest.mark.parametrize(
    "last_event_id", ["", "nonsense", f"{UUID(int=9)}.0.0", f"{RUN}.0.3", f"{RUN}.5.0", f"{RUN}.0.999"]
)
def test_a_page_with_any_other_position_gets_everything_anew(last_event_id: str) -> None:
    stream = Stream()
    stream.say("text", "One.\n\nTwo.\n\nThree")
    stream.page.last_event_id = last_event_id
    stream.frame()

    assert stream.page.events == ["reset"]


def test_reasoning_is_closed_when_the_answer_begins() -> None:
    stream = Stream()
    stream.say("reasoning", "Let me think.\n\nAh.")
    stream.frame()
    stream.source[-1].data["duration_s"] = 2.5
    stream.say("text", "Yes.")
    stream.frame()

    assert "Thought for 2.5 s" in " ".join(stream.page.root.itertext())


def test_a_viewer_that_holds_everything_gets_no_frame() -> None:
    stream = Stream()
    stream.say("text", "One.\n\nTwo")
    stream.frame()
    assert stream.held is not None

    assert delta_frame(stream.hub, stream.held)[0] == b""
