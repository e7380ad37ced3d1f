"""What the demo model says. Its answers show what a page can do: lists, tables, code, formulas, thinking."""

import re
from zlib import crc32

_ECHOED_CHARACTERS = 160
_CHAPTERS = 15

_INTRODUCTION = """\
I am the **demo model** of this site. I know nothing: I answer from a script, so nothing below is about your question.

> You wrote: {echo}

To talk with a real model, set `OPENAI_API_KEY`, `ANTHROPIC_API_KEY` or `GEMINI_API_KEY` in the environment of the \
server and start it again. Until then I can show you how answers look here.
"""

_LISTS = """\
## A plan in steps

1. **Begin small.**
   - Write down what must be true at the end.
   - Choose the *one* part that everything else stands on.
     - Build it.
     - Try to break it.
2. **Make it visible.** What nobody sees, nobody misses.
3. **Leave it tidy.**
   - [x] Tests pass
   - [ ] Somebody else has read it

Not every step needs the same care; a good plan says which ones do.
"""

_CODE = """\
## Some Python

A generator that cuts a text into pieces without losing a character:

```python
from collections.abc import Iterator


def pieces(text: str, size: int = 6) -> Iterator[str]:
    \"\"\"Yield `text` in pieces of at most `size` characters.\"\"\"
    for start in range(0, len(text), size):
        yield text[start : start + size]


assert "".join(pieces("nothing is lost")) == "nothing is lost"
```

In a shell it is one line: `fold -w 6 < answer.txt`.
"""

_TABLE = """\
## A table

| what | how much | in words |
|:-----|--------:|:---------|
| pace | 60 | tokens per second |
| cost | 0.00 | US dollars |
| memory | 0 | I forget everything |
| patience | ∞ | ask as often as you like |

Numbers stand to the right, words to the left, and `code` may stand in a cell.
"""

_FORMULAS = """\
## A little mathematics

The sum of the first $n$ odd numbers is a square:

$$
\\sum_{k=1}^{n} (2k - 1) = n^2
$$

For $n = 4$ that is $1 + 3 + 5 + 7 = 16$. As a quotation has it:

> Mathematics is the art of giving the same name to different things.
>
> — Henri Poincaré
"""

_BODIES = (_LISTS, _CODE, _TABLE, _FORMULAS)

_REASONING = """\
The question has {words} words. I cannot understand any of them, because I am a demo model, but thinking looks like \
this: first I look for what is asked, then I notice that I only have a script, and so I choose the page that your \
words point to. It is page {page}.
"""


def says(question: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", question, re.IGNORECASE) is not None


def write_answer(question: str) -> tuple[str, str]:
    """Reasoning and text of the whole answer to a question, the same every time."""
    chosen = crc32(question.encode()) % len(_BODIES)
    echo = " ".join(question.split())[:_ECHOED_CHARACTERS] or "nothing"
    introduction = _INTRODUCTION.format(echo=echo)
    if says(question, "long"):
        return "", "\n".join((introduction, *(_chapter(number) for number in range(1, _CHAPTERS + 1))))
    reasoning = _REASONING.format(words=len(question.split()), page=chosen + 1) if chosen % 2 else ""
    following = _BODIES[(chosen + 1) % len(_BODIES)]
    return reasoning, "\n".join((introduction, _BODIES[chosen], following))


def _chapter(number: int) -> str:
    return "\n".join((f"# Chapter {number}\n", *_BODIES))
