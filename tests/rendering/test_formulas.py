"""Formulas become MathML and nothing else."""

import pytest

from conversations.rendering.markdown import render
from tests.rendering.corpus import chosen, payloads
from tests.rendering.oracle import findings


@pytest.mark.parametrize(
    "text",
    [
        "$x^2$",
        r"\(x^2\)",
        "$$x^2$$",
        r"\[x^2\]",
        "$$\nx^2\n$$",
        "\\[\nx^2\n\\]",
        "text\n$$\nx^2\n$$\nmore",
        "- $$x^2$$",
    ],
)
def test_what_is_a_formula(text: str) -> None:
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in render(text)


@pytest.mark.parametrize(
    "text",
    [
        "costs $5 and $10",
        "20$ or 30$",
        "rated $$ – $$$",
        r"\$x\$",
        "`$x$`",
        "$ x $",
        "$$\nx\n\ny\n$$",
        r"escaped \[x\] in a line",
        r"\( \)",
        "$$$$",
    ],
)
def test_what_is_none(text: str) -> None:
    assert "<math" not in render(text)


def test_a_block_formula_is_set_apart() -> None:
    assert '<div class="math"><math display="block">' in render("$$x$$")
    assert '<span class="math"><math>' in render("a $x$")


@pytest.mark.parametrize("tex", [r"\unknown{x}", r"\frac{1}", "x" * 5000, "{" * 3000, r"\def\a{\a\a}\a", "x_"])
def test_what_is_not_understood_is_shown_as_its_source(tex: str) -> None:
    html = render(f"$${tex}$$")

    assert '<code class="math-source">' in html
    assert findings(html) == []


def test_aligned_equations_need_no_style_attribute() -> None:
    html = render("$$\n\\begin{align}a&=b\\\\c&=d\\end{align}\n$$")

    assert '<mtd class="align-right">' in html
    assert " style=" not in html


@pytest.mark.parametrize(
    "command", ["text", "mbox", "href", "style", "tag", "operatorname", "url", "unicode", "class", "mathrm"]
)
def test_attacks_in_a_formula_are_mathml_or_source(command: str) -> None:
    for payload in chosen(f"formulas in {command}").sample(payloads(), 120):
        flat = payload.replace("\n", " ")
        for text in (f"$$\n\\{command}{{{flat}}}\n$$", f"\\(\\{command}{{{flat}}}{{x}}\\)", f"a $x{flat}y$"):
            assert findings(render(text)) == [], text


def test_deep_nesting_and_growing_macros_end() -> None:
    for tex in (
        r"\sqrt{" * 800 + "x" + "}" * 800,
        r"\left(" * 500 + r"\right)" * 500,
        r"\newcommand{\a}{" + "x" * 2000 + "}" + r"\a" * 500,
        "{" * 2000 + "}" * 2000,
        "x^{" * 1300 + "}" * 1300,
        r"\frac{1}{" * 450 + "x" + "}" * 450,
    ):
        assert len(render(f"$$\n{tex}\n$$")) < 200_000
