"""A question and its answer on a running site, as its database has them."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2

from conversations.rendering.markdown import render
from tests.servers import PATIENCE_S, Site, wait_for
from tests.streaming.page import Page, canonical
from tests.trees import document, inside

RUN = "SELECT id, message_id, status, error_kind, finish_reason FROM conversations_generation"
LEDGER = "SELECT {} FROM conversations_usagerecord WHERE conversation_key = ? ORDER BY id"
LEDGER_FIELDS = (
    "purpose",
    "outcome",
    "confidence",
    "fresh_input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "user_key",
)


@dataclass(frozen=True)
class Exchange:
    """One run of a conversation and the answer it writes."""

    site: Site
    conversation_id: UUID
    message_id: UUID
    generation_id: UUID

    @property
    def url(self) -> str:
        return f"/conversations/{self.conversation_id}/"

    @property
    def status(self) -> str:
        return str(self._run()[2])

    @property
    def error_kind(self) -> str:
        return str(self._run()[3])

    def ended(self, within_s: float = PATIENCE_S) -> "Exchange":
        """Itself, once its run has ended."""
        wait_for(lambda: self.status != "active", within_s, lambda: f"still active: {self.site.log()[-2000:]}")
        return self

    def parts(self) -> list[tuple[str, str]]:
        """(kind, text) of the stored answer."""
        sql = 'SELECT kind, text FROM conversations_part WHERE message_id = ? ORDER BY "index"'
        return [(kind, text) for kind, text in self.site.rows(sql, self.message_id.hex)]

    def html(self) -> list[str]:
        """Of its parts, as it is stored."""
        sql = 'SELECT html FROM conversations_part WHERE message_id = ? ORDER BY "index"'
        return [html for (html,) in self.site.rows(sql, self.message_id.hex)]

    @property
    def text(self) -> str:
        return "".join(text for kind, text in self.parts() if kind == "text")

    @property
    def reasoning(self) -> str:
        return "".join(text for kind, text in self.parts() if kind == "reasoning")

    def ledger(self) -> list[dict[str, Any]]:
        """All rows of the conversation, oldest first."""
        rows = self.site.rows(LEDGER.format(", ".join(LEDGER_FIELDS)), self.conversation_id.hex)
        return [dict(zip(LEDGER_FIELDS, row, strict=True)) for row in rows]

    def segments(self) -> int:
        sql = "SELECT count(*) FROM conversations_draftsegment WHERE generation_id = ?"
        return int(self.site.rows(sql, self.generation_id.hex)[0][0])

    def latest(self) -> "Exchange":
        """The conversation's latest run: after Continue, Retry or another question."""
        return latest_of(self.site, self.conversation_id)

    def _run(self) -> tuple[Any, ...]:
        (row,) = self.site.rows(f"{RUN} WHERE id = ?", self.generation_id.hex)
        return row


def ask(
    site: Site,
    client: httpx2.Client,
    text: str = "Hello",
    *,
    model: str = "sim:sim",
    key: str = "",
    to: Exchange | None = None,
) -> Exchange:
    """Post a question, as a browser without JavaScript does: in a new conversation, or below the answer `to`."""
    form = {"text": text, "model": model, "client_key": key or str(uuid4())}
    response = client.post(f"{to.url}messages/" if to else "/", data=form)
    assert response.status_code == 302, response.text
    return latest_of(site, UUID(response.headers["location"].split("/")[2]))


def latest_of(site: Site, conversation_id: UUID) -> Exchange:
    rows = site.rows(f"{RUN} WHERE conversation_id = ? ORDER BY id DESC LIMIT 1", conversation_id.hex)
    return Exchange(site, conversation_id, UUID(str(rows[0][1])), UUID(str(rows[0][0])))


def act(client: httpx2.Client, exchange: Exchange, verb: str) -> Exchange:
    """`continue` or `regenerate` an answer; the run that this began."""
    response = client.post(f"/messages/{exchange.message_id}/{verb}")
    assert response.status_code == 302, response.text
    return exchange.latest()


def stop(client: httpx2.Client, exchange: Exchange) -> httpx2.Response:
    return client.post(f"/generations/{exchange.generation_id}/stop")


def shown(html: str, kind: str, message_id: UUID | None = None) -> list[str]:
    """What the `text` or `reasoning` parts of a finished answer show in `html` (a page, or the data of `done`)."""
    root = document(html)
    if message_id is not None:
        root = next(element for element in root.iter() if element.get("id") == f"message-{message_id}")
    folded = [details for details in root.iter("details") if "reasoning" in classes(details)]
    thoughts = [region for details in folded for region in regions_in(details)]
    regions = regions_in(root)
    wanted = thoughts if kind == "reasoning" else [region for region in regions if region not in thoughts]
    return [inside(region) for region in wanted]


def assert_is_beginning(page: Page, exchange: Exchange) -> None:
    """What the page held before `done` is what it holds now, as far as it had come."""
    for index, (kind, text) in enumerate(exchange.parts()):
        if kind in ("text", "reasoning") and has_part(page, index):
            assert canonical(render(text)).startswith(page.blocks(index))


def has_part(page: Page, index: int) -> bool:
    return any(element.get("id") == f"blocks-{page.message_id}-{index}" for element in page.root.iter())


def regions_in(element: Any) -> list[Any]:
    return [inner for inner in element.iter() if "markdown" in classes(inner)]


def classes(element: Any) -> list[str]:
    return (element.get("class") or "").split()


def forget(client: httpx2.Client, exchange: Exchange) -> None:
    """Delete a conversation that a test leaves running, so that nothing of it is in the way of the next one."""
    with suppress(httpx2.HTTPError):
        client.post(f"{exchange.url}delete")
