"""Pages over plain HTTP: they read, and every form works, without JavaScript."""

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.servers import Site, free_port, manage, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import Exchange, act, ask, shown, stop
from tests.site.viewing import follow, viewing

ANSWER = {"text": "An *answer*.", "tokens_per_s": 0}


@pytest.fixture
def answered(shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client) -> Exchange:
    simulator.script("sim", ANSWER)
    return ask(shared_site, alice, "What is <b>this</b>?").ended()


def question_of(exchange: Exchange) -> UUID:
    sql = "SELECT parent_id FROM conversations_message WHERE id = ?"
    return UUID(exchange.site.rows(sql, exchange.message_id.hex)[0][0])


# --- one conversation -------------------------------------------------------


def test_a_conversation_shows_the_question_as_it_was_written_and_the_answer_as_markdown(
    answered: Exchange, alice: httpx2.Client
) -> None:
    html = alice.get(answered.url).text

    assert "What is &lt;b&gt;this&lt;/b&gt;?" in html
    assert shown(html, "text", answered.message_id) == ["<p>An <em>answer</em>.</p>\n"]


def test_a_page_without_scripts_refreshes_itself_while_an_answer_is_written(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"stall_before_first": True})
    exchange = ask(shared_site, alice)
    while_running = alice.get(exchange.url).text
    stop(alice, exchange)
    afterwards = alice.get(exchange.ended().url).text

    assert re.search(r'<noscript>\s*<meta http-equiv="refresh"', while_running)
    assert f'sse-connect="/messages/{exchange.message_id}/stream"' in while_running
    assert 'http-equiv="refresh"' not in afterwards
    assert "sse-connect" not in afterwards


def test_with_scripts_a_conversation_begins_in_one_request(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    """What comes is what its own page shows: the messages, listening, and its place in the sidebar."""
    simulator.script("sim", {"stall_before_first": True})
    data = {"text": "Why <b>so</b>?", "model": "sim:sim", "client_key": str(uuid4())}
    begun, again = (alice.post("/", data=data, headers={"HX-Request": "true"}) for _ in range(2))
    exchange = ask(shared_site, alice, data["text"], key=data["client_key"])
    page = alice.get(exchange.url).text
    stop(alice, exchange)

    for response in (begun, again):
        assert (response.status_code, response.headers["HX-Push-Url"]) == (200, exchange.url)
        assert "<!doctype" not in response.text
    for part in (
        f'sse-connect="/messages/{exchange.message_id}/stream"',
        '<p class="said">Why &lt;b&gt;so&lt;/b&gt;?</p>',
        f'action="{exchange.url}messages/"',
        f'<a class="entry" id="entry-{exchange.conversation_id}"',
    ):
        assert [text.count(part) for text in (begun.text, again.text, page)] == [1, 1, 1], part


def test_an_empty_question_is_not_sent(alice: httpx2.Client, answered: Exchange) -> None:
    new = alice.post("/", data={"text": " \n ", "model": "sim:sim", "client_key": "k"})
    more = alice.post(f"{answered.url}messages/", data={"text": "", "model": "sim:sim", "client_key": "k"})

    assert (new.status_code, more.status_code) == (422, 422)
    assert "Write a message first." in new.text
    assert answered.latest() == answered


def test_a_question_that_is_too_long_is_kept_and_its_lengths_are_named(alice: httpx2.Client) -> None:
    response = alice.post("/", data={"text": "x" * 200_001, "model": "sim:sim", "client_key": "k"})

    assert response.status_code == 422
    assert "200001 characters, 200000 are allowed" in response.text
    assert "x" * 200_001 in response.text


def test_a_model_that_is_not_offered_is_refused(alice: httpx2.Client) -> None:
    response = alice.post("/", data={"text": "Hello", "model": "openai:other", "client_key": "k"})

    assert response.status_code == 422
    assert "no longer offered" in response.text
    assert "Hello</textarea>" in response.text


def test_edit_asks_again_beside_the_old_question(
    answered: Exchange, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    question = question_of(answered)
    form = alice.get(f"/messages/{question}/edit")
    simulator.script("sim", {"text": "Another answer.", "tokens_per_s": 0})
    posted = {"text": "And this?", "model": "sim:sim", "client_key": str(uuid4())}
    response = alice.post(f"/messages/{question}/edit", data=posted)
    other = answered.latest().ended()
    html = alice.get(answered.url).text

    assert "What is &lt;b&gt;this&lt;/b&gt;?</textarea>" in form.text
    assert response.status_code == 302
    assert "And this?" in html
    assert "What is &lt;b&gt;this" not in html.partition('id="messages"')[2]
    assert "2/2" in html
    assert (answered.text, other.text) == ("An *answer*.", "Another answer.")


def test_editing_twice_with_one_key_asks_once(answered: Exchange, alice: httpx2.Client) -> None:
    form = {"text": "And this?", "model": "sim:sim", "client_key": str(uuid4())}
    for _ in range(2):
        alice.post(f"/messages/{question_of(answered)}/edit", data=form)

    assert "2/2" in alice.get(answered.latest().ended().url).text


def test_regenerate_and_choose_lead_through_all_versions(
    answered: Exchange, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "A second one.", "tokens_per_s": 0})
    second = act(alice, answered, "regenerate").ended()
    newest = alice.get(answered.url).text
    alice.post(f"/messages/{answered.message_id}/choose")
    oldest = alice.get(answered.url).text

    assert "2/2" in newest
    assert "A second one." in newest
    assert f"/messages/{answered.message_id}/choose" in newest
    assert "1/2" in oldest
    assert "A second one." not in oldest
    assert f"/messages/{second.message_id}/choose" in oldest


def test_choosing_a_version_brings_back_what_followed_it(
    answered: Exchange, shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "What followed.", "tokens_per_s": 0})
    follow_up = ask(shared_site, alice, "And then?", to=answered).ended()
    act(alice, answered, "regenerate").ended()
    without = alice.get(answered.url).text
    alice.post(f"/messages/{answered.message_id}/choose")

    assert "And then?" not in without.partition('id="messages"')[2]
    assert "And then?" in alice.get(answered.url).text
    assert shown(alice.get(answered.url).text, "text", follow_up.message_id) == ["<p>What followed.</p>\n"]


def test_the_model_is_told_what_was_said_on_the_shown_branch_only(
    answered: Exchange, shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", {"text": "A second one.", "tokens_per_s": 0})
    second = act(alice, answered, "regenerate").ended()
    ask(shared_site, alice, "And then?", to=second).ended()
    said = json.dumps(simulator.requests()[-1].body)

    assert "A second one." in said
    assert "An *answer*." not in said


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ({"status": 401}, "key_rejected", "key"),
        ({"status": 429}, "rate_limited", "too many requests"),
        ({"status": 529}, "overloaded", "overloaded"),
        ({"text": "Half an ans", "fault": {"kind": "reset"}, "tokens_per_s": 0}, "disconnected", "connection"),
        ({"text": "Half an ans", "fault": {"kind": "end"}, "tokens_per_s": 0}, "garbled", "could not be read"),
    ],
)
def test_a_failed_answer_says_why_and_what_can_be_done(
    shared_site: Site,
    simulator: SimulatorClient,
    alice: httpx2.Client,
    script: dict[str, object],
    kind: str,
    words: str,
) -> None:
    simulator.script("sim", script)
    exchange = ask(shared_site, alice).ended()
    html = alice.get(exchange.url).text

    assert (exchange.status, exchange.error_kind) == ("failed", kind)
    assert words in html
    assert f"/messages/{exchange.message_id}/regenerate" in html
    assert (f"/messages/{exchange.message_id}/continue" in html) == ("text" in script)
    assert exchange.text == script.get("text", "")
    assert [row["outcome"] for row in exchange.ledger()] == [kind]


def test_an_answer_that_reached_its_limit_can_be_continued(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    whole = "This answer is too long to be given in one piece."
    simulator.script("sim", {"text": whole[:27], "finish": "length", "tokens_per_s": 0})
    exchange = ask(shared_site, alice).ended()
    simulator.script("sim", {"text": whole, "tokens_per_s": 0})
    more = act(alice, exchange, "continue").ended()

    assert more.message_id == exchange.message_id
    assert more.text == whole
    assert [row["outcome"] for row in more.ledger()] == ["complete", "complete"]


def test_usage_that_no_provider_should_report_does_not_hold_up_the_answer(
    shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    impossible = {"fresh_input": 10**12, "output": 1, "reasoning": 5}
    simulator.script("sim", {"text": "Odd counts.", "tokens_per_s": 0, "usage": impossible})
    for model in ("sim:sim", "openai:sim", "google:sim", "anthropic:sim"):
        exchange = ask(shared_site, alice, model=model).ended()
        assert exchange.status == "complete", model
        assert len(exchange.ledger()) == 1


# --- long conversations -----------------------------------------------------


@pytest.fixture
def long_conversation(answered: Exchange) -> Exchange:
    """Ninety more messages below an answer, written straight into the database."""
    with closing(sqlite3.connect(answered.site.data_dir / "db.sqlite3", timeout=10)) as database, database:
        parent = answered.message_id.hex
        for number in range(90):
            message, role = uuid4().hex, "user" if number % 2 == 0 else "assistant"
            database.execute(
                "INSERT INTO conversations_message (id, conversation_id, parent_id, role, created_at)"
                " VALUES (?, ?, ?, ?, datetime('now', ?))",
                [message, answered.conversation_id.hex, parent, role, f"+{number + 1} seconds"],
            )
            database.execute(
                'INSERT INTO conversations_part (message_id, "index", kind, text, data, html, html_version)'
                " VALUES (?, 0, 'text', ?, '{}', '', '')",
                [message, f"Message number {number}."],
            )
            parent = message
        database.execute(
            "UPDATE conversations_conversation SET leaf_id = ? WHERE id = ?", [parent, answered.conversation_id.hex]
        )
    return answered


def test_a_long_conversation_is_read_backwards_page_by_page(long_conversation: Exchange, alice: httpx2.Client) -> None:
    url, numbers, pages = long_conversation.url, [], 0
    while url:
        html = alice.get(url).text
        numbers = [int(number) for number in re.findall(r"Message number (\d+)\.<", html)] + numbers
        earlier = re.search(rf'href="({long_conversation.url}earlier/[^"]+)"', html)
        url = earlier[1] if earlier else ""
        pages += 1

    assert list(dict.fromkeys(numbers)) == list(range(90))
    assert pages == 3


def test_htmx_gets_only_the_earlier_messages(long_conversation: Exchange, alice: httpx2.Client) -> None:
    html = alice.get(long_conversation.url).text
    url = re.search(rf'href="({long_conversation.url}earlier/[^"]+)"', html)
    assert url
    piece = alice.get(url[1], headers={"HX-Request": "true"}).text

    assert "<html" not in piece
    assert re.findall(r'<p class="said">Message number (\d+)', piece)[-1] == "48"


# --- the list ---------------------------------------------------------------


@pytest.fixture
def carol(shared_site: Site, simulator: SimulatorClient) -> Iterator[httpx2.Client]:
    simulator.script("sim", ANSWER)
    with shared_site.signed_in("carol") as client:
        yield client


def test_the_list_finds_conversations_by_all_words_of_their_title(shared_site: Site, carol: httpx2.Client) -> None:
    for text in ("Rain in Lund", "Snow in Lund", "100% <sure>"):
        ask(shared_site, carol, text).ended()
    titles = {query: results(carol, query) for query in ("", "lund", "LUND rain", "nothing", "%", "<sure>", "_")}

    assert titles[""] == {"Rain in Lund", "Snow in Lund", "100% &lt;sure&gt;"}
    assert titles["lund"] == {"Rain in Lund", "Snow in Lund"}
    assert titles["LUND rain"] == {"Rain in Lund"}
    assert titles["nothing"] == titles["_"] == set()
    assert titles["%"] == titles["<sure>"] == {"100% &lt;sure&gt;"}


def results(client: httpx2.Client, query: str) -> set[str]:
    """The titles that the list of conversations shows, without the sidebar."""
    html = client.get("/conversations/", params={"q": query}, headers={"HX-Request": "true"}).text
    found = re.findall(r'href="/conversations/[0-9a-f-]{36}/"[^>]*>(.*?)</a>', html, re.DOTALL)
    return {re.sub(r"<[^>]+>", "\n", title).strip().split("\n")[0].strip() for title in found}


def test_a_conversation_is_called_by_its_first_words_until_it_is_renamed(
    answered: Exchange, alice: httpx2.Client
) -> None:
    before = alice.get(answered.url).text
    form = alice.get(f"{answered.url}rename").text
    response = alice.post(f"{answered.url}rename", data={"title": "Better & <shorter>"})
    after = alice.get(answered.url).text

    assert "<title>What is &lt;b&gt;this&lt;/b&gt;?" in before
    assert "What is &lt;b&gt;this&lt;/b&gt;?" in form
    assert response.status_code == 302
    assert "<title>Better &amp; &lt;shorter&gt;" in after


@pytest.mark.parametrize("title", ["", "   ", "x" * 201])
def test_a_title_cannot_be_empty_or_endless(answered: Exchange, alice: httpx2.Client, title: str) -> None:
    response = alice.post(f"{answered.url}rename", data={"title": title})

    assert response.status_code == 422
    assert "<title>What is" in alice.get(answered.url).text


def test_deleting_asks_first(answered: Exchange, alice: httpx2.Client) -> None:
    asked = alice.get(f"{answered.url}delete")
    still_there = alice.get(answered.url).status_code
    response = alice.post(f"{answered.url}delete")

    assert asked.status_code == still_there == 200
    assert response.headers["location"] == "/"
    assert alice.get(answered.url).status_code == 404
    assert str(answered.conversation_id) not in alice.get("/").text


def test_a_model_names_the_conversation(template: Path, tmp_path: Path, simulator: SimulatorClient) -> None:
    simulator.script("sim", ANSWER)
    simulator.script("sim", {"text": '"A fine <title>."\n', "tokens_per_s": 0}, purpose="title")
    settings = simulated(simulator, "sim:sim") | {"CHAT_TITLES": "model"}
    with running_site(template, tmp_path / "site", **settings) as site, site.signed_in("alice") as client:
        exchange = ask(site, client, "Some long question about something").ended()
        wait_for(lambda: len(exchange.ledger()) == 2)

        assert "<title>A fine &lt;title&gt; ·" in client.get(exchange.url).text
        assert {row["purpose"] for row in exchange.ledger()} == {"answer", "title"}


def test_a_page_asks_for_a_title_until_there_is_one(template: Path, tmp_path: Path, simulator: SimulatorClient) -> None:
    simulator.script("sim", ANSWER)
    simulator.script("sim", {"text": "Late", "hold_at": (0,), "tokens_per_s": 0}, purpose="title")
    settings = simulated(simulator, "sim:sim") | {"CHAT_TITLES": "model"}
    with running_site(template, tmp_path / "site", **settings) as site, site.signed_in("alice") as client:
        exchange = ask(site, client).ended()
        done = asyncio.run(follow(site.port, exchange.message_id)).final
        early = client.get(first := asks_next(done)).text
        given_up = client.get(f"{exchange.url}title/after/64").text
        simulator.wait_for(lambda seen: seen.state == "holding", purpose="title")
        simulator.release()
        wait_for(lambda: len(exchange.ledger()) == 2)
        named = client.get(asks_next(early)).text
        done_later = asyncio.run(follow(site.port, exchange.message_id)).final

    assert first == f"{exchange.url}title/after/2"
    assert asks_next(early) == f"{exchange.url}title/after/4"
    assert "Late" not in early + given_up
    assert "Late" in named
    assert asks_next(done_later) == first
    assert asks_next(named) == asks_next(given_up) == ""


def asks_next(html: str) -> str:
    """What this piece of a page will fetch, unasked, for a title; nothing: ""."""
    return "".join(re.findall(r'hx-get="([^"]+/title/after/\d+)"', html))


# --- models -----------------------------------------------------------------


def offered(client: httpx2.Client) -> list[str]:
    return re.findall(r'<option value="([^"]+)"', client.get("/").text)


def test_the_models_are_those_of_the_settings_as_an_admin_has_changed_them(
    template: Path, tmp_path: Path, simulator: SimulatorClient
) -> None:
    settings = simulated(simulator, "sim:one,sim:two,sim:three")
    with (
        running_site(template, tmp_path / "site", **settings) as site,
        site.signed_in("alice") as alice,
        site.signed_in("carol") as carol,
    ):
        as_set = offered(alice)
        add_entry(carol, "sim:two", offered=False)
        add_entry(carol, "sim:four", offered=True, title="Number Four")
        as_changed = offered(alice)
        page = alice.get("/").text

    assert as_set == ["sim:one", "sim:two", "sim:three"]
    assert sorted(as_changed) == ["sim:four", "sim:one", "sim:three"]
    assert as_changed[0] == "sim:four"
    assert "Number Four</option>" in page


def add_entry(admin: httpx2.Client, model: str, *, offered: bool, title: str = "") -> None:
    form = {"model": model, "title": title, "position": "0"} | ({"offered": "on"} if offered else {})
    response = admin.post("/admin/conversations/catalogentry/add/", data=form)
    assert response.status_code == 302, response.text


def test_without_any_key_the_demo_model_answers(template: Path, tmp_path: Path) -> None:
    with running_site(template, tmp_path / "site") as site, site.signed_in("alice") as client:
        models = offered(client)
        exchange = ask(site, client, "Who are you?", model=models[0])
        wait_for(exchange.segments)
        stop(client, exchange)

        assert [model.partition(":")[0] for model in models] == ["demo"]
        assert exchange.ended().text
        assert [row["outcome"] for row in exchange.ledger()] == ["stopped"]


# --- accounts ---------------------------------------------------------------


def test_the_first_account_is_the_admin_and_later_ones_are_not(tmp_path: Path) -> None:
    manage(tmp_path, "migrate", "--verbosity", "0")
    site = Site(tmp_path, port=free_port())
    site.start()
    try:
        admin_pages = [admin_page_of_new_account(site, name) for name in ("first", "second")]
        people = site.rows("SELECT username, is_staff, is_superuser FROM auth_user ORDER BY id")
    finally:
        site.kill()

    assert admin_pages == ["/admin/", "/admin/login/"]
    assert people == [("first", 1, 1), ("second", 0, 0)]


def admin_page_of_new_account(site: Site, name: str) -> str:
    """Sign up, as a person does; where the admin leads this account."""
    form = {"username": name, "password1": "correct horse 7", "password2": "correct horse 7", "email": ""}
    with httpx2.Client(base_url=site.url, follow_redirects=True) as client:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/accounts/signup/").text)
        assert token
        form["csrfmiddlewaretoken"] = token[1]
        response = client.post("/accounts/signup/", data=form, headers={"Referer": site.url})
        assert response.url.path == "/", response.text
        return str(client.get("/admin/").url.path)


# --- headers ----------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/conversations/", "/accounts/login/", "/admin/login/", "/missing"])
def test_pages_forbid_inline_scripts_and_foreign_content(alice: httpx2.Client, path: str) -> None:
    headers = alice.get(path).headers
    policy = headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/conversations/", "{conversation}", "{conversation}rename"])
def test_pages_have_no_inline_script_style_or_handler(answered: Exchange, alice: httpx2.Client, path: str) -> None:
    html = alice.get(path.format(conversation=answered.url)).text

    assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>", html)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", html)


def test_the_stream_is_stored_nowhere(answered: Exchange) -> None:
    async def headers() -> dict[str, str]:
        async with viewing(answered.site.port, answered.message_id) as view:
            return view.headers

    sent = asyncio.run(headers())

    assert sent["cache-control"] == "no-store"
    assert sent["content-type"] == "text/event-stream"
    assert sent["x-content-type-options"] == "nosniff"
    assert sent["x-accel-buffering"] == "no"
