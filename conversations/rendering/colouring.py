"""Pygments tokens of a code block as spans. No cache and no process here: the worker process imports this too."""

from collections.abc import Iterator
from functools import cache
from html import escape
from itertools import groupby
from operator import itemgetter

from pygments.lexer import Lexer
from pygments.lexers import get_all_lexers, get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, String, _TokenType

LANGUAGES = """
    bash c clojure cmake console cpp csharp css dart diff docker elixir erlang fsharp go graphql groovy haskell html ini
    java javascript jinja json jsx julia kotlin lisp lua make markdown matlab nginx nix objective-c ocaml perl php
    postgresql powershell prolog protobuf pycon python r ruby rust scala scss solidity sql swift terraform tex toml tsx
    typescript xml yaml zig
"""
ALSO_KNOWN_AS = {"json5": "json", "jsonc": "json", "mjs": "javascript", "mysql": "sql", "svelte": "html", "vue": "html"}

CLASSES: dict[_TokenType, str] = {
    Comment: "c",
    Comment.Preproc: "cp",
    Keyword: "k",
    Keyword.Type: "kt",
    Name.Attribute: "na",
    Name.Builtin: "nb",
    Name.Class: "nc",
    Name.Constant: "no",
    Name.Decorator: "nd",
    Name.Exception: "ne",
    Name.Function: "nf",
    Name.Tag: "nt",
    Name.Variable: "nv",
    Literal: "l",
    Number: "m",
    String: "s",
    String.Escape: "se",
    String.Regex: "sr",
    Generic.Deleted: "gd",
    Generic.Heading: "gh",
    Generic.Inserted: "gi",
    Generic.Output: "go",
    Generic.Prompt: "gp",
    Generic.Subheading: "gu",
}


def coloured(language: str, code: str) -> str | None:
    """HTML of the code; None when the language is not on our list. Time grows with the code, at worst quadratically."""
    name = known_name(language)
    if name is None:
        return None
    spans = [(_class_of(kind), text) for _, kind, text in _lexer(name).get_tokens_unprocessed(code)]
    if "".join(text for _, text in spans) != code:
        return None
    return "".join(_html(spans))


def preload() -> None:
    """Import every lexer: about half a second, once, instead of up to 44 ms at the first use of each."""
    for language in LANGUAGES.split():
        _lexer(language)


def known_name(language: str) -> str | None:
    """The name on our list for a language or an alias of it."""
    return _names().get(language)


@cache
def _names() -> dict[str, str]:
    """Every alias of the languages on our list. (Pygments takes 2 ms to say that it does not know a name.)"""
    ours = set(LANGUAGES.split())
    names = dict(ALSO_KNOWN_AS)
    for _name, aliases, _files, _types in get_all_lexers(plugins=False):
        for known in ours.intersection(aliases):
            names |= dict.fromkeys(aliases, known)
    return names


@cache
def _lexer(name: str) -> Lexer:
    """`handlecodeblocks` would let a fence within Markdown choose any lexer of Pygments."""
    return get_lexer_by_name(name, handlecodeblocks=False)


@cache
def _class_of(kind: _TokenType) -> str:
    """Class of the nearest kind above it that has one; plain names, operators and blanks have none."""
    return next((CLASSES[each] for each in reversed(kind.split()) if each in CLASSES), "")


def _html(spans: list[tuple[str, str]]) -> Iterator[str]:
    for css_class, group in groupby(spans, key=itemgetter(0)):
        text = escape("".join(text for _, text in group), quote=False)
        yield f'<span class="{css_class}">{text}</span>' if css_class else text
