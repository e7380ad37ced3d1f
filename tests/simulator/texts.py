"""What the simulated models say when nobody tells them what to say."""

PLEASANT = """\
# A simulated answer

This text comes from the **provider simulator**, not from a model. It streams at the pace of a real one, so that you
can watch the page at work: *emphasis*, `inline code`, a [link](https://example.org/), and some letters from elsewhere:
åäö, ß, 你好, مرحبا, 🦋.

## What a stream goes through

1. The provider sends a few letters at a time.
2. The server folds them into a draft and saves it.
3. Finished blocks become HTML **once**; only the open tail is drawn again.
   - a list inside a list
   - with a second item

> Nothing that has been said is lost, not even when the server is killed in the middle of a word.

```python
def fold(parts: list[str], delta: str) -> list[str]:
    \"\"\"Append a delta to the last part.\"\"\"
    if not parts:
        return [delta]
    return [*parts[:-1], parts[-1] + delta]
```

| step   | takes  | of a token |
|--------|-------:|:----------:|
| fold   |   2 µs | 2 %        |
| save   |  80 µs | 60 %       |
| render |  50 µs | 38 %       |

In total $t = t_{fold} + t_{save} + t_{render}$, and as a display:

$$
\\sum_{i=1}^{n} i = \\frac{n(n+1)}{2}
$$

That is all. Ask for `sim-long` if you want more of this, or for `sim-reasoning` to see it think first.
"""

REASONING = """\
**Reading the question**

The reader wants to see what reasoning looks like. So this is a little of it, in two paragraphs.

**Choosing what to say**

A short answer will do; the thinking was the point.
"""

LONG = "# A long simulated answer\n\n" + "\n".join(
    f"## Part {number}\n\n"
    f"Paragraph {number} is here to be long. It has **bold** and `code` in it, and it says that {number} times "
    f"{number} is {number * number}. Below it stands a block of code and a list, as models like to write them.\n\n"
    f"```python\nfor step in range({number}):\n    print(step * step)\n```\n\n"
    f"- first point of part {number}\n- second point of part {number}\n"
    for number in range(1, 81)
)
