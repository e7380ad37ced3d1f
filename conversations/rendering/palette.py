"""`python -m conversations.rendering.palette > static/code.css`: the colours of code, light and dark.

They are GitHub's, for the dark as Pygments has them; what is too pale on our backgrounds is moved towards black or
white until it meets WCAG AA.
"""

import sys
from collections.abc import Iterable

from pygments.style import Style
from pygments.styles import get_style_by_name
from pygments.token import Comment, Generic, Keyword, Name, Number, String, _TokenType

from conversations.rendering.colouring import CLASSES


class GitHubLight(Style):
    styles = {
        Comment: "italic #6e7781",
        Keyword: "#cf222e",
        Keyword.Type: "#cf222e",
        Name.Attribute: "#0550ae",
        Name.Builtin: "#0550ae",
        Name.Class: "#953800",
        Name.Constant: "#0550ae",
        Name.Decorator: "#8250df",
        Name.Exception: "#953800",
        Name.Function: "#8250df",
        Name.Tag: "#116329",
        Name.Variable: "#953800",
        Number: "#0550ae",
        String: "#0a3069",
        String.Escape: "#0550ae",
        String.Regex: "#116329",
        Generic.Deleted: "#82071e",
        Generic.Heading: "bold #0550ae",
        Generic.Inserted: "#116329",
        Generic.Output: "#6e7781",
        Generic.Prompt: "#6e7781",
        Generic.Subheading: "bold #0550ae",
    }


# A style and the background of code blocks (--code in static/css/base.css).
LIGHT = (GitHubLight, "#f7f5f1")
DARK = (get_style_by_name("github-dark"), "#131211")
LEAST_CONTRAST = 4.5

HEADING = "/* Written by `python -m conversations.rendering.palette`; do not edit. */\n"
RULES = """\
figure.code {{ --code-ink: #1f2328; {light} }}
@media (prefers-color-scheme: dark) {{
  :root:not([data-theme="light"]) figure.code {{ --code-ink: #e6edf3; {dark} }}
}}
[data-theme="dark"] figure.code {{ --code-ink: #e6edf3; {dark} }}
figure.code code {{ color: var(--code-ink); }}
"""

type Rgb = tuple[float, float, float]


def stylesheet() -> str:
    """One custom property for each token class and theme, one rule for each class."""
    rules = RULES.format(light=_properties(*LIGHT), dark=_properties(*DARK))
    return HEADING + rules + "\n".join(_class_rules()) + "\n"


def _properties(style: type[Style], background: str) -> str:
    return " ".join(f"--code-{name}: {readable(_colour(style, kind), background)};" for kind, name in CLASSES.items())


def _class_rules() -> Iterable[str]:
    for kind, name in CLASSES.items():
        style = LIGHT[0].style_for_token(kind)
        bold = " font-weight: 600;" if style["bold"] else ""
        italic = " font-style: italic;" if style["italic"] else ""
        yield f"figure.code .{name} {{ color: var(--code-{name});{bold}{italic} }}"


def _colour(style: type[Style], kind: _TokenType) -> str:
    return "#" + (style.style_for_token(kind)["color"] or ("1f2328" if style is GitHubLight else "e6edf3"))


def readable(colour: str, background: str) -> str:
    """The colour, moved away from the background as far as its contrast needs."""
    goal = 1.0 if _luminance(_rgb(background)) < 0.5 else 0.0
    rgb = _rgb(colour)
    while contrast(_hex(rgb), background) < LEAST_CONTRAST:
        red, green, blue = (channel + (goal - channel) * 0.05 for channel in rgb)
        rgb = (red, green, blue)
    return _hex(rgb)


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio, 1 to 21."""
    darker, lighter = sorted([_luminance(_rgb(one)), _luminance(_rgb(other))])
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(rgb: Rgb) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(colour: str) -> Rgb:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue


def _hex(rgb: Rgb) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in rgb)


if __name__ == "__main__":
    sys.stdout.write(stylesheet())
