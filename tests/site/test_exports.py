"""Exports with real processes: a server, a worker that is killed, pages, links, and leaving."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import httpx2
import pytest

from tests.exporting.exported import lines, members
from tests.servers import SERVERS, Site, manage, running_site, simulated, wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask
from tests.site.workers import worker

ANSWER = {"text": "An *answer*.", "tokens_per_s": 0}
# carol may do everything; bob becomes staff without the permission.
MAKE_BOB_STAFF = """
from django.contrib.auth import get_user_model
get_user_model().objects.filter(username="bob").update(is_staff=True)
"""
SEED = "from tests.bench.export_rows import seed; seed({messages})"
REASON = {"format": "jsonl", "reason": "A request of the data protection officer"}


@pytest.fixture
def exporting(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[Site]:
    """A site of one's own with a history of 1,000 messages, without a worker."""
    folder = tmp_path / "site"
    with running_site(template, folder, **simulated(simulator, "sim:sim")) as site:
        manage(folder, "shell", "--no-imports", "-c", SEED.format(messages=1000), **site.settings)
        yield site


@pytest.fixture
def carol(shared_site: Site) -> Iterator[httpx2.Client]:
    with shared_site.signed_in("carol") as client:
        yield client


def begin(client: httpx2.Client, **fields: Any) -> str:
    """Gives the address of the export's page."""
    response = client.post("/exports/", data=fields)
    assert response.status_code == 302, response.text
    return response.headers["location"]


def status_of(site: Site, address: str) -> str:
    export_id = UUID(address.split("/")[2])
    key = str(export_id) if "DATABASE_URL" in site.settings else export_id.hex
    return str(site.rows("SELECT status FROM conversations_exportjob WHERE id = ?", key)[0][0])


def position_of(site: Site, address: str) -> int:
    export_id = UUID(address.split("/")[2])
    return int(site.rows("SELECT done FROM conversations_exportjob WHERE id = ?", export_id.hex)[0][0])


def link_on(client: httpx2.Client, address: str) -> str:
    found = re.search(r'href="(/exports/[^"]+/download\?key=[^"]+)"', client.get(address).text)
    assert found
    return found[1].replace("&amp;", "&")


# --- a worker is killed -----------------------------------------------------


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_of_the_export(exporting: Site, tmp_path: Path) -> None:
    manage(exporting.data_dir, "shell", "--no-imports", "-c", SEED.format(messages=4000), **exporting.settings)
    undisturbed = tmp_path / "undisturbed.jsonl"
    manage(exporting.data_dir, "export_conversations", "--format", "jsonl", "--out", str(undisturbed))
    with exporting.signed_in("carol") as carol:
        with worker(exporting, "--schedule") as first:
            wait_for(lambda: (exporting.data_dir / "worker.log").exists(), 20)
            address = begin(carol, **REASON)
            wait_for(lambda: position_of(exporting, address) > 0)
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
        assert status_of(exporting, address) == "running"
        with worker(exporting, "--schedule"):
            wait_for(lambda: status_of(exporting, address) == "done", 90, lambda: status_of(exporting, address))
        content = carol.get(link_on(carol, address)).content

    assert content == undisturbed.read_bytes()


# --- pages ------------------------------------------------------------------


@pytest.fixture(scope="module")
def working(shared_site: Site) -> Iterator[Site]:
    """The shared site with a worker."""
    with worker(shared_site, "--schedule"):
        yield shared_site


def exported_by(client: httpx2.Client, site: Site, **fields: Any) -> str:
    address = begin(client, **fields)
    wait_for(lambda: status_of(site, address) == "done", 60, lambda: status_of(site, address))
    return address


@pytest.fixture(scope="module")
def of_carol(working: Site, simulator_process: SimulatorClient) -> Iterator[tuple[str, str]]:
    """(page, link) of a finished export of carol's, of a question alice has asked."""
    simulator_process.script("sim", ANSWER)
    with working.signed_in("alice") as alice, working.signed_in("carol") as carol:
        ask(working, alice, "What will be exported?").ended()
        address = exported_by(carol, working, **REASON)
        yield address, link_on(carol, address)


def test_staff_download_everybodys_history(carol: httpx2.Client, of_carol: tuple[str, str]) -> None:
    response = carol.get(of_carol[1])
    texts = [line["text"] for line in lines(response.content)]

    assert response.headers["content-length"] == str(len(response.content))
    assert re.fullmatch(
        r'attachment; filename="chatsite-\d{4}-\d\d-\d\d-\w{6}\.jsonl"', response.headers["content-disposition"]
    )
    assert "What will be exported?" in texts


def test_every_download_is_in_the_audit_log_with_its_reason(
    carol: httpx2.Client, working: Site, of_carol: tuple[str, str]
) -> None:
    sql = "SELECT reason FROM conversations_auditentry WHERE action = 'export_downloaded'"
    before = len(working.rows(sql))
    carol.get(of_carol[1])

    assert len(working.rows(sql)) == before + 1
    assert (REASON["reason"],) in working.rows(sql)


def test_strangers_find_no_export_and_no_file(
    alice: httpx2.Client, bob: httpx2.Client, of_carol: tuple[str, str]
) -> None:
    page, link = of_carol

    for client in (alice, bob):
        assert client.get(page).status_code == 404
        assert client.get(link).status_code == 404
        assert client.get(f"{page}stream").status_code == 404
        assert client.post(f"{page}cancel").status_code == 404


def test_a_forged_link_is_404(carol: httpx2.Client, of_carol: tuple[str, str]) -> None:
    page, link = of_carol

    assert carol.get(f"{link}x").status_code == 404
    assert carol.get(f"{page}download").status_code == 404


def test_nobody_who_is_not_signed_in_gets_anything(shared_site: Site, of_carol: tuple[str, str]) -> None:
    with httpx2.Client(base_url=shared_site.url) as nobody:
        for path in (*of_carol, "/exports/"):
            assert nobody.get(path).headers["location"].startswith("/accounts/login/")
        stream = nobody.get(f"{of_carol[0]}stream").text

    assert stream.count("event: done") == 1
    assert "You have been signed out" in stream


def test_an_expired_link_says_so(
    template: Path, tmp_path: Path, simulator: SimulatorClient, of_carol: tuple[str, str]
) -> None:
    settings = {**simulated(simulator, "sim:sim"), "CHAT_EXPORT_LINK_HOURS": "0.0001"}
    with (
        running_site(template, tmp_path / "site", **settings) as site,
        site.signed_in("carol") as carol,
        worker(site, "--schedule"),
    ):
        address = exported_by(carol, site, **REASON)
        link = link_on(carol, address)
        response = wait_for(lambda: (got := carol.get(link)).status_code == 410 and got, 20)

    assert "This link has expired" in response.text


def test_people_export_their_own_without_a_reason_and_see_only_theirs(
    alice: httpx2.Client, working: Site, of_carol: tuple[str, str]
) -> None:
    address = exported_by(alice, working, format="archive")
    inside = members_of(alice, address)
    listed = alice.get("/exports/").text

    owners = {line["owner"]["name"] for line in lines(inside["conversations.jsonl"])}
    assert owners == {"alice"}
    assert address in listed
    assert of_carol[0] not in listed
    assert 'name="user"' not in listed


def members_of(client: httpx2.Client, address: str) -> dict[str, bytes]:
    with ZipFile(BytesIO(client.get(link_on(client, address)).content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_ordinary_user_cannot_widen_the_filters(
    alice: httpx2.Client, working: Site, of_carol: tuple[str, str]
) -> None:
    address = exported_by(alice, working, format="jsonl", user="carol", group="1", everybody="on")
    owners = {line["owner"] for line in lines(alice.get(link_on(alice, address)).content)}

    assert owners == {"alice"}


def test_staff_must_say_why(carol: httpx2.Client) -> None:
    response = carol.post("/exports/", data={"format": "jsonl"})

    assert response.status_code == 422
    assert "Say why" in response.text


def test_the_preview_counts_with_and_without_htmx(carol: httpx2.Client, of_carol: tuple[str, str]) -> None:
    part = carol.get("/exports/?words=exported&format=csv", headers={"HX-Request": "true"}).text
    whole = carol.get("/exports/?words=exported&format=csv").text
    nothing = carol.get("/exports/?words=nowhere-at-all&format=csv", headers={"HX-Request": "true"}).text

    assert "<strong>1</strong> conversation, <strong>2</strong> messages" in part
    assert "<html" not in part
    assert "<strong>1</strong> conversation, <strong>2</strong> messages" in whole
    assert 'value="exported"' in whole
    assert "No conversation is like that." in nothing


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("user", "nobody", "Nobody here has this username"),
        ("since", "tomorrow", "Enter a valid date"),
        ("format", "exe", "Select a valid choice"),
        ("group", "99", "Select a valid choice"),
    ],
)
def test_wrong_filters_are_named(carol: httpx2.Client, field: str, value: str, words: str) -> None:
    response = carol.post("/exports/", data={**REASON, field: value})

    assert response.status_code == 422
    assert words in response.text


def test_the_page_of_a_running_export_refreshes_itself_and_its_cancel_button_works(
    template: Path, tmp_path: Path, simulator: SimulatorClient
) -> None:
    with (
        running_site(template, tmp_path / "site", **simulated(simulator, "sim:sim")) as site,
        site.signed_in("carol") as carol,
    ):
        address = begin(carol, **REASON)
        waiting = carol.get(address).text
        cancelled = carol.post(f"{address}cancel")
        again = carol.post(f"{address}cancel")
        stream = carol.get(f"{address}stream").text
        page = carol.get(address).text

    assert re.search(r'<noscript>\s*<meta http-equiv="refresh"', waiting)
    assert (cancelled.status_code, again.status_code) == (302, 302)
    assert stream.count("event: done") == 1
    assert "The export was cancelled" in stream
    assert "http-equiv" not in page
    assert "sse-connect" not in page


# --- a large file -----------------------------------------------------------

LARGE = 100_000_000
ENLARGE = """
from django.conf import settings
from conversations.models import ExportJob
job = ExportJob.objects.get()
with (settings.EXPORT_DIR / job.file).open("wb") as file:
    file.truncate({size})
ExportJob.objects.update(bytes={size})
"""


def read_so_far(pid: int, name: str) -> int:
    """How far the server has read the file, in bytes; all of it when it is closed again."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if link.readlink().name == name:
                info = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text()
                return int(info.split("pos:")[1].split()[0])
    return LARGE


def at_rest(pid: int, name: str) -> int | None:
    """The place where the server has stopped reading; None while it goes on."""
    first = read_so_far(pid, name)
    for _ in range(100):
        time.sleep(0.01)
        if read_so_far(pid, name) != first:
            return None
    return first


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("server", SERVERS)
def test_a_slow_reader_does_not_make_the_server_hold_the_file(
    template: Path, tmp_path: Path, simulator: SimulatorClient, server: str
) -> None:
    settings = simulated(simulator, "sim:sim")
    with (
        running_site(template, tmp_path / "site", server=server, **settings) as site,
        site.signed_in("carol") as carol,
    ):
        with worker(site, "--schedule"):
            link = link_on(carol, exported_by(carol, site, **REASON))
        manage(site.data_dir, "shell", "--no-imports", "-c", ENLARGE.format(size=LARGE), **site.settings)
        [path] = (site.data_dir / "exports").rglob("*.jsonl")
        with carol.stream("GET", link) as response:
            blocks = response.iter_raw(65_536)
            received = len(next(blocks))
            held = wait_for(lambda: at_rest(site.serving_pid, path.name)) - received
            received += sum(map(len, blocks))

    assert received == LARGE
    assert held < LARGE / 4


# --- one conversation at once -----------------------------------------------


@pytest.mark.parametrize(
    ("format_name", "media_type", "words"),
    [
        ("markdown", "text/markdown", "An *answer*."),
        ("html", "text/html", "An <em>answer</em>."),
        ("json", "application/json", '"text": "An *answer*."'),
    ],
)
def test_one_conversation_is_downloaded_at_once(
    shared_site: Site,
    simulator: SimulatorClient,
    alice: httpx2.Client,
    bob: httpx2.Client,
    format_name: str,
    media_type: str,
    words: str,
) -> None:
    simulator.script("sim", ANSWER)
    exchange = ask(shared_site, alice, "Only this one").ended()
    response = alice.get(f"{exchange.url}export/{format_name}")

    assert response.headers["content-type"].startswith(media_type)
    assert response.headers["content-disposition"].startswith('attachment; filename="only-this-one-')
    assert words in response.text
    assert bob.get(f"{exchange.url}export/{format_name}").status_code == 404
    assert alice.get(f"{exchange.url}export/exe").status_code == 404


# --- leaving ----------------------------------------------------------------


@pytest.fixture
def leaving(template: Path, tmp_path: Path, simulator: SimulatorClient) -> Iterator[Site]:
    with running_site(template, tmp_path / "site", **simulated(simulator, "sim:sim")) as site:
        yield site


def totals(site: Site) -> list[tuple[Any, ...]]:
    sql = "SELECT COUNT(*), SUM(fresh_input), SUM(output), SUM(cost_usd) FROM conversations_usagerecord"
    return site.rows(sql)


def test_an_account_goes_with_everything_but_its_totals(leaving: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", ANSWER)
    with leaving.signed_in("alice") as alice:
        ask(leaving, alice).ended()
        begin(alice, format="csv")
        before = totals(leaving)
        wrong = alice.post("/accounts/delete/", data={"proof": "bob"})
        right = alice.post("/accounts/delete/", data={"proof": "alice"})

    assert (wrong.status_code, right.status_code) == (422, 200)
    assert totals(leaving) == before
    assert leaving.rows("SELECT COUNT(*) FROM auth_user WHERE username = 'alice'") == [(0,)]
    for table in ("conversation", "message", "part", "generation", "exportjob"):
        assert leaving.rows(f"SELECT COUNT(*) FROM conversations_{table}") == [(0,)]
    assert leaving.rows("SELECT actor_name FROM conversations_auditentry WHERE action = 'account_deleted'") == [
        ("alice",)
    ]
    with leaving.signed_in("alice") as gone:
        assert gone.get("/").status_code == 302


def test_answers_that_are_being_written_are_stopped_and_billed(leaving: Site, simulator: SimulatorClient) -> None:
    simulator.script("sim", {"text": "word " * 500, "tokens_per_s": 20})
    with leaving.signed_in("alice") as alice:
        ask(leaving, alice)
        wait_for(lambda: leaving.rows("SELECT COUNT(*) FROM conversations_draftsegment") != [(0,)])
        alice.post("/accounts/delete/", data={"proof": "alice"})
        [(calls, tokens_in, tokens_out, _)] = wait_for(lambda: totals(leaving)[0][0] and totals(leaving))

    assert calls == 1
    assert tokens_in > 0
    assert tokens_out > 0
    assert leaving.rows("SELECT COUNT(*) FROM conversations_generation") == [(0,)]


def test_the_last_superuser_cannot_leave(leaving: Site) -> None:
    with leaving.signed_in("carol") as carol:
        page = carol.get("/accounts/delete/").text
        response = carol.post("/accounts/delete/", data={"proof": "carol"})

    assert "the only account that can administer the site" in page
    assert response.status_code == 409
    assert leaving.rows("SELECT COUNT(*) FROM auth_user") == [(3,)]


# --- the command and the admin ----------------------------------------------


def test_the_command_writes_a_whole_file_and_an_audit_entry(exporting: Site, tmp_path: Path) -> None:
    out = tmp_path / "alice.zip"
    arguments = ("export_conversations", "--user", "alice", "--out", str(out), "--reason", "A request")
    said = manage(exporting.data_dir, *arguments)
    inside = members(out)

    assert "SHA-256" in said
    assert {line["owner"]["name"] for line in lines(inside["conversations.jsonl"])} == {"alice"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".export")] == []
    assert exporting.rows("SELECT reason FROM conversations_auditentry WHERE action = 'export_begun'") == [
        ("A request",)
    ]


def test_the_admins_action_goes_on_to_the_page_with_what_was_selected(
    carol: httpx2.Client, bob: httpx2.Client, shared_site: Site, simulator: SimulatorClient, alice: httpx2.Client
) -> None:
    simulator.script("sim", ANSWER)
    exchange = ask(shared_site, alice, "Pick me").ended()
    data = {"action": "export_selected", "_selected_action": exchange.url.split("/")[2]}
    response = carol.post("/admin/conversations/conversation/", data=data)
    page = carol.get("/exports/").text

    assert (response.status_code, response.headers["location"]) == (302, "/exports/")
    assert "<strong>1 conversation</strong> selected" in page
    assert "selected in the administration" not in bob.get("/exports/").text
    assert "selected in the administration" not in carol.get("/exports/?picked=none").text


def test_staff_without_the_permission_may_neither_export_others_nor_use_the_action(
    leaving: Site, simulator: SimulatorClient
) -> None:
    manage(leaving.data_dir, "shell", "--no-imports", "-c", MAKE_BOB_STAFF)
    with leaving.signed_in("bob") as bob:
        page = bob.get("/exports/").text
        action = bob.post("/admin/conversations/conversation/", data={"action": "export_selected"})

    assert 'name="user"' not in page
    assert action.status_code == 403


def test_who_loses_the_permission_cannot_download_any_more(leaving: Site) -> None:
    with leaving.signed_in("carol") as carol, worker(leaving, "--schedule"):
        link = link_on(carol, exported_by(carol, leaving, **REASON))
        demote = "from django.contrib.auth import get_user_model as m; m().objects.update(is_superuser=False)"
        manage(leaving.data_dir, "shell", "--no-imports", "-c", demote)
        response = carol.get(link)

    assert response.status_code == 403
