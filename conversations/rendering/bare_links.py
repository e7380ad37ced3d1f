"""URLs and addresses in plain text that become links."""

import re

from linkify_it import LinkifyIt
from linkify_it.main import Match
from markdown_it.rules_inline import StateInline

from conversations.rendering.safety import LONGEST_URL

SCHEME = re.compile(r"(?<![a-z0-9.+-])https?$", re.IGNORECASE)


class BareLinks(LinkifyIt):  # type: ignore[misc]
    """With a scheme, `www.` or an at sign. `README.md` and `main.py` are no hosts."""

    def match(self, text: str) -> list[Match]:
        found = super().match(text) or []
        return [link for link in found if link.schema or link.text.lower().startswith("www.")]


def bare_link(state: StateInline, silent: bool) -> bool:
    """Inline rule: a URL with a scheme, found at its `://` before emphasis can split it.

    It replaces markdown-it's, which searches all text before it for a scheme: seconds for many `<http://` in a row.
    """
    if state.linkLevel or not state.md.options.linkify or not state.src.startswith("://", state.pos):
        return False
    scheme = SCHEME.search(state.src, max(0, state.pos - len("https")), state.pos)
    if scheme is None or not state.pending.endswith(scheme[0]):
        return False
    url = _url_at(state, scheme.start())
    if url and not silent:
        state.pending = state.pending.removesuffix(scheme[0])
        _push_link(state, url)
    state.pos += max(0, len(url) - len(scheme[0]))
    return bool(url)


def _url_at(state: StateInline, start: int) -> str:
    """Empty when no link that we allow is there. An asterisk at its end is emphasis."""
    links = state.md.linkify
    found = links.match_at_start(state.src[start : start + LONGEST_URL + 1]) if links else None
    url: str = found.url.rstrip("*") if found else ""
    return url if state.md.validateLink(state.md.normalizeLink(url)) else ""


def _push_link(state: StateInline, url: str) -> None:
    opening = state.push("link_open", "a", 1)
    opening.attrs, opening.markup, opening.info = {"href": state.md.normalizeLink(url)}, "linkify", "auto"
    state.push("text", "", 0).content = state.md.normalizeLinkText(url)
    closing = state.push("link_close", "a", -1)
    closing.markup, closing.info = "linkify", "auto"
