"""Blocks that stay open for long keep their finished units, so that a long one costs no more than many short ones.

A container at the top level is one of `OpenFence`, `OpenList` and `OpenTable`.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from django.utils.safestring import SafeString
from markdown_it.token import Token

from conversations.rendering.highlighting import highlight_here, is_for_the_patient
from conversations.rendering.markdown import parser
from conversations.rendering.source import Source
from conversations.rendering.splitting import Env, References, with_inlines
from conversations.rendering.tail import Tail


@dataclass
class OpenBlock:
    """A container being written: `head`, `units`, `foot`. `units` only grows while `version` is the same.

    `start` is the source offset of its first line.
    """

    start: int
    kind: Literal["code", "list", "table"]
    head: SafeString
    foot: SafeString
    units: list[SafeString] = field(default_factory=list)
    version: int = 0

    def html(self, inside: SafeString) -> SafeString:
        return SafeString("".join([self.head, *self.units, inside, self.foot]))


class Container(Protocol):
    """What `Blocks` does with the container that is open."""

    shown: OpenBlock

    def advance(self, source: Source, at_end: bool) -> SafeString | None:
        """Take the lines that can be judged; the final HTML once the container is closed."""
        ...

    def tail(self, text: str) -> Tail:
        """HTML of what was not taken."""
        ...


def render_env(references: References) -> Env:
    def highlight(language: str, code: str) -> SafeString:
        references.left_plain |= is_for_the_patient(language, code)
        return highlight_here(language, code)

    return {"references": references, "highlight": highlight}


def render_tokens(tokens: list[Token], references: References) -> SafeString:
    """HTML of final block tokens, as a viewer keeps it until the canonical render replaces it."""
    env = render_env(references)
    return SafeString(parser().renderer.render(with_inlines(parser(), tokens, env), parser().options, env))
