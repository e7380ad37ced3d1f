"""What model text may become: which links are links, which languages are a class, how an image is kept from loading."""

import re
from urllib.parse import SplitResult, urlsplit

from django.utils.html import format_html
from django.utils.safestring import SafeString
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token

LONGEST_URL = 2048
LONGEST_ADDRESS = 500
HIDDEN = re.compile(
    r"[\x00-\x20\x7f-\xa0\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\uffff\\]"
)
HOST = re.compile(r"[a-z0-9._:-]+")
LANGUAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+#.-]{0,31}")
OUTSIDE = {"target": "_blank", "rel": "noopener noreferrer nofollow ugc"}


def escaped(text: str) -> SafeString:
    """Text of an element. Quotes stay, as they do in markdown-it's own text."""
    return SafeString(escapeHtml(text))


def is_safe_link(url: str) -> bool:
    """Absolute http(s) with a plain host and no user info, or mailto. A relative link could be `/logout`."""
    if HIDDEN.search(url):
        return False
    if url.lower().startswith("mailto:"):
        return len(url) <= LONGEST_ADDRESS
    if not url.lower().startswith(("http://", "https://")) or len(url) > LONGEST_URL:
        return False
    parts = _parts(url)
    return parts is not None and parts.username is None and bool(HOST.fullmatch(parts.hostname or ""))


def host_of(url: str) -> str:
    """Host as the browser will ask for it, in punycode; empty for mailto."""
    parts = _parts(url)
    return (parts.hostname or "") if parts else ""


def _parts(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def link_attributes(token: Token) -> dict[str, str | int | float]:
    """Attributes of a link that leaves the site. Its title starts with the host, since a label can claim anything.

    `[label]()` and a link whose target is being written lead nowhere.
    """
    url = str(token.attrs.get("href", ""))
    if not is_safe_link(url):
        return {}
    title = " — ".join(filter(None, [host_of(url), str(token.attrs.get("title", ""))]))
    shown = {} if token.info == "auto" or not title else {"title": title}
    return {"href": url, **shown, **OUTSIDE}


def language_of(info: str) -> str:
    """Language named by the info string of a fence, fit for a class attribute; empty when there is none."""
    found = LANGUAGE.match(info.strip())
    return found[0].lower() if found else ""


CODE_OPEN = '<figure class="code"><figcaption><span class="code-language">{}</span>{}</figcaption>'
CODE_BODY = '<pre tabindex="0"><code{}>'
CODE_CLOSE = SafeString("</code></pre></figure>\n")
CODE_BUTTONS = SafeString(
    '<button type="button" class="code-wrap" data-wrap aria-pressed="false" aria-label="Wrap long lines">Wrap</button>'
    '<button type="button" class="code-copy" data-copy aria-label="Copy code">Copy</button>'
)


def code_head(language: str, buttons: SafeString = CODE_BUTTONS) -> SafeString:
    """A code block up to its first character."""
    css_class = format_html(' class="language-{}"', language) if language else ""
    return format_html(CODE_OPEN + CODE_BODY, language, buttons, css_class)


def code_block(language: str, code: SafeString) -> SafeString:
    return code_head(language) + code + CODE_CLOSE


def unfinished_code_block(language: str, text: str) -> SafeString:
    """No buttons: half a program is not worth copying."""
    return code_head(language, SafeString("")) + escaped(text) + CODE_CLOSE


def blocked_image(url: str, alt: str) -> SafeString:
    """An image never loads by itself, because loading it tells its host who reads. A link, so it needs no script."""
    return format_html(
        '<a class="image-blocked" href="{}" data-src="{}" title="{}" target="{}" rel="{}">{}</a>',
        url,
        url,
        url,
        OUTSIDE["target"],
        OUTSIDE["rel"],
        _image_label(url, alt),
    )


def image_label(url: str, alt: str) -> SafeString:
    """The same where no link may stand (within a link) or where there is no URL."""
    return format_html('<span class="image-blocked">{}</span>', _image_label(url, alt))


def _image_label(url: str, alt: str) -> SafeString:
    return format_html('<span class="image-alt">{}</span> <small>{}</small>', alt.strip() or "image", host_of(url))
