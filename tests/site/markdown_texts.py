"""Random Markdown as models write it, and as they should not."""

import random

# fmt: off
WORDS = ("a", "model", "writes", "some", "words", "about", "in", "Lund", "and", "åäö", "你好", "🦋", "of", "course")
INLINE = (
    "**bold**", "*em*", "`code`", "``a ` b``", "[link](https://example.org/a_b)", "![image](https://example.org/x.png)",
    "~~gone~~", "$x^2$", "\\(a+b\\)", "**open", "_half", "`", "<b>tag</b>", "<script>alert(1)</script>", "&amp;",
    "&nope", "\\*", "a*b*c", "snake_case_word", "https://example.org/?q=1&r=2", "[text][ref]", "***", "|", "1.", "- ",
)
# fmt: on
CODE = ("def f(x):", "    return x < 1", "", "<div>", "```", "~~~", "# not a heading", "- not a list", "\ttab", "| a |")


def random_text(chance: random.Random) -> str:
    return "\n\n".join(chance.choice(BLOCKS)(chance) for _ in range(chance.randint(1, 7)))


def line(chance: random.Random) -> str:
    words = chance.choices(WORDS, k=chance.randint(1, 9))
    for _ in range(chance.choice((0, 0, 1, 2))):
        words.insert(chance.randrange(len(words) + 1), chance.choice(INLINE))
    return " ".join(words)


def paragraph(chance: random.Random) -> str:
    return chance.choice(("\n", "  \n", "\\\n")).join(line(chance) for _ in range(chance.randint(1, 3)))


def heading(chance: random.Random) -> str:
    if chance.random() < 0.2:
        return f"{line(chance)}\n{chance.choice('=-') * 5}"
    return f"{'#' * chance.randint(1, 6)} {line(chance)}"


def bullets(chance: random.Random) -> str:
    marker = chance.choice(("-", "*", "+", "1.", "7)"))
    between = chance.choice(("\n", "\n\n"))
    items = [f"{marker} {line(chance)}" for _ in range(chance.randint(1, 5))]
    if chance.random() < 0.3:
        items[0] += f"\n{' ' * (len(marker) + 1)}- {line(chance)}"
    if chance.random() < 0.2:
        items[-1] += f"\n\n{' ' * (len(marker) + 1)}{line(chance)}"
    return between.join(items)


def fence(chance: random.Random) -> str:
    lines = chance.choices(CODE, k=chance.randint(0, 6))
    language = chance.choice(("", "python", "html", "nonsense-language"))
    return "\n".join((f"`````{language}", *lines, "`````"))


def table(chance: random.Random) -> str:
    columns = chance.randint(1, 4)
    rows = [[line(chance).replace("|", "\\|") for _ in range(columns)] for _ in range(chance.randint(1, 4))]
    rows.insert(1, [chance.choice(("---", ":--", "--:", ":-:"))] * columns)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def quote(chance: random.Random) -> str:
    return "\n".join(f"> {text}" for text in chance.choice(BLOCKS)(chance).split("\n"))


def display_formula(chance: random.Random) -> str:
    return chance.choice(("$$\n\\frac{a}{b}\n$$", "\\[\nx_1\n\\]", "$$\n\\broken{\n$$"))


def rule(chance: random.Random) -> str:
    return chance.choice(("---", "***", "* * *"))


BLOCKS = (paragraph, paragraph, paragraph, heading, bullets, bullets, fence, table, quote, display_formula, rule)
