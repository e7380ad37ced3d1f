"""What must hold after a cycle: seen == stored == sent, one bill per call, nothing left open."""

from conversations.rendering.markdown import render
from tests.servers import wait_for
from tests.site.exchanges import Exchange, assert_is_beginning, shown
from tests.soak.cycle import Outcome, Watched
from tests.soak.people import Person
from tests.soak.stories import Story
from tests.streaming.page import canonical

# A run that is ended in the moment before its question goes out is billed for it all the same, as an estimate.
UNSENT = 1


def count(exchange: Exchange, table: str, column: str, more: str = "") -> int:
    sql = f"SELECT count(*) FROM conversations_{table} WHERE {column} = ? {more}"
    return int(exchange.site.rows(sql, exchange.conversation_id.hex)[0][0])


def billed(exchange: Exchange | None) -> int:
    return count(exchange, "usagerecord", "conversation_key") if exchange else 0


def check(person: Person, story: Story, outcome: Outcome, billed_before: int) -> None:
    exchange = outcome.exchange
    if story.act == "delete":
        check_deleted(person, exchange, billed_before)
        return
    check_text(person, story, exchange, outcome.views)
    assert count(exchange, "generation", "conversation_id", "AND status = 'active'") == 0
    bills = exchange.ledger()[billed_before:]
    unsent = exchange.status == "stopped" and not exchange.text
    assert 0 <= len(bills) - len(person.calls()) <= unsent * UNSENT, bills
    wait_for(lambda: all_ended(person), otherwise="a connection to the provider is still open")


def check_text(person: Person, story: Story, exchange: Exchange, views: list[Watched]) -> None:
    """What each viewer has == what is stored, rendered == what the provider sent, as far as it came."""
    stored = exchange.text
    assert exchange.status in story.endings, exchange.status
    assert exchange.segments() == 0
    assert exchange.status != "complete" or stored == story.text, stored
    assert any(call.sent_text.startswith(stored) for call in person.calls()) or not stored, stored
    whole = canonical(render(stored))
    pages = [person.browsers[story.looks_at].get(exchange.url).text]
    pages += [view.final for view in views if view.final and story.act != "sign out"]
    for page in pages:
        assert "".join(shown(page, "text", exchange.message_id)) == whole
    for view in views:
        assert_is_beginning(view.page, exchange)


def check_deleted(person: Person, exchange: Exchange, billed_before: int) -> None:
    """Nothing is left but the bill; the process that writes it notices within a beat."""

    def is_over() -> bool:
        bills = billed(exchange) - billed_before
        return bills > 0 and 0 <= bills - len(person.calls()) <= UNSENT and all_ended(person)

    wait_for(is_over, otherwise=lambda: f"{billed(exchange) - billed_before} rows for {len(person.calls())} calls")
    assert count(exchange, "message", "conversation_id") == 0


def all_ended(person: Person) -> bool:
    return all(call.ended_at for call in person.calls())
