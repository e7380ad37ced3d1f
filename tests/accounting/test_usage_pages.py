"""The usage section of the admin: every figure leads to its rows, unknown is not zero, and nothing asks too much."""

import csv
import io
import json
import re
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.accounting.reports import rollups
from conversations.accounting.reports.period import midnight
from conversations.models import UsageRecord
from conversations.templatetags.usage_figures import dollars
from tests.accounting.calls import booked, price_of_house
from tests.accounting.crawling import Claim, Page, is_money
from tests.accounting.ledgers import correct, people, random_ledger

pytestmark = pytest.mark.django_db

SECTIONS = (
    "",
    "by/user/",
    "by/group/",
    "by/model/",
    "by/provider/",
    "by/purpose/",
    "matrix/",
    "conversations/",
    "calls/",
    "reliability/",
    "unpriced/",
)
MOST_QUERIES = 30
MOST_OF_A_KIND = 2
SEED = 11


def at(section: str, query: str = "") -> str:
    return f"/admin/usage/{section}" + (f"?{query}" if query else "")


@pytest.fixture
def carol(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_superuser("carol", password=None))
    return client


def some_ledger(count: int = 90) -> list[int]:
    """Calls of the last ten days by five people; one has been deleted since."""
    users = people()
    today = timezone.localdate()
    random_ledger(Random(SEED), midnight(today - timedelta(days=10)), 10, count, users)
    return users


def page(client: Client, address: str) -> Page:
    response = client.get(address)
    assert response.status_code == 200, address
    return Page.of(response.content.decode())


# --- who may see it ------------------------------------------------------------------


def staff(name: str, *permissions: str) -> Any:
    person = get_user_model().objects.create(username=name, is_staff=True)
    person.user_permissions.add(*Permission.objects.filter(codename__in=permissions))
    return person


def test_staff_with_the_permission_see_every_page(client: Client) -> None:
    some_ledger(20)
    client.force_login(staff("dave", "view_usagerecord"))

    assert {section: client.get(at(section)).status_code for section in SECTIONS} == dict.fromkeys(SECTIONS, 200)


@pytest.mark.parametrize("section", SECTIONS)
def test_staff_without_it_are_refused_and_readers_are_sent_to_the_sign_in(client: Client, section: str) -> None:
    client.force_login(staff("dave"))
    assert client.get(at(section)).status_code == 403

    client.force_login(get_user_model().objects.create(username="alice"))
    response = client.get(at(section))
    assert response.status_code == 302
    assert response.headers["location"].startswith("/admin/login/")


def test_one_call_is_for_staff_with_the_permission_too(client: Client) -> None:
    address = at(f"calls/{booked().pk}/")

    client.force_login(staff("dave"))
    assert client.get(address).status_code == 403
    client.force_login(staff("erin", "view_usagerecord"))
    assert client.get(address).status_code == 200


# --- figures and the rows behind them ------------------------------------------------


def kind_of(claim: Claim) -> tuple[str, str, tuple[str, ...]]:
    """Claims of one kind differ in whose figure it is, not in what the link says of it."""
    address = urlsplit(claim.href)
    return claim.where, address.path, tuple(sorted(parse_qs(address.query)))


@pytest.mark.slow
def test_links_lead_to_a_page_that_shows_the_figure_they_stand_on(carol: Client) -> None:
    """On every page, of every kind of link some."""
    users = people(2)
    today = timezone.localdate()
    random_ledger(Random(SEED), midnight(today - timedelta(days=2)), 2, 30, users)
    rollups.roll_up()
    two_days = f"from={today - timedelta(days=2)}&to={today - timedelta(days=1)}&bucket=day"
    starts = [at(section, two_days) for section in SECTIONS]
    starts += [
        at("", f"period=30d&bucket=month&model=ollama:llama&user={users[-1]}"),
        at("by/model/", "period=this-year&purpose=answer"),
        at("matrix/", "confidence=reported&outcome=complete"),
    ]
    pages: dict[str, Page] = {}
    random = Random(SEED)

    def chosen(claims: list[Claim]) -> list[Claim]:
        return random.sample(claims, min(MOST_OF_A_KIND, len(claims)))

    def seen(address: str) -> Page:
        if address not in pages:
            pages[address] = page(carol, address)
        return pages[address]

    wrong, followed = [], 0
    kinds: set[tuple[str, tuple[str, ...]]] = set()
    for start in starts:
        claims = sorted(seen(start).claims(), key=kind_of)
        for claim in [each for _, same in groupby(claims, kind_of) for each in chosen(list(same))]:
            followed += 1
            total = seen(claim.href).total(claim.where)
            if total != claim.figure:
                wrong.append(f"{start}: {claim.figure} leads to {claim.href}, which says {total} ({claim.where})")
        for href in seen(start).links():
            kind = (urlsplit(href).path, tuple(sorted(parse_qs(urlsplit(href).query))))
            if "/admin/usage/" in href and kind not in kinds:
                kinds.add(kind)
                seen(href)

    assert wrong == [], f"seed {SEED}"
    assert followed > 100, followed


def test_the_list_of_calls_has_as_many_rows_as_it_says(carol: Client) -> None:
    some_ledger(60)
    for kind in ("", "answers", "stops", "errors", "retries", "fallbacks", "estimated", "unpriced", "uncounted"):
        found = page(carol, at("calls/", f"rows={kind}"))
        listed = [row for row in found.rows() if "correction" not in " ".join(row)]

        assert str(len(listed)) == found.total(f"total-{kind or 'calls'}")


def test_all_calls_are_found_by_paging(carol: Client) -> None:
    some_ledger(230)
    address, listed = at("calls/"), 0
    while address:
        found = page(carol, address)
        listed += len(found.rows())
        address = next((href for href in found.links() if "after=" in href), "")

    assert listed == UsageRecord.objects.count()


def test_the_page_of_a_call_adds_up_with_its_corrections(carol: Client) -> None:
    call = booked("openai:gpt-4o", days=1)
    correct(call, Decimal("-0.0000000001"))
    found = page(carol, at(f"calls/{call.pk}/"))

    assert call.cost_usd is not None
    shown = (found.total("total-cost") or "").removeprefix("$")
    assert Decimal(shown) == call.cost_usd - Decimal("1e-10")
    assert any("correction" in row[0] for row in found.rows())


def test_the_page_of_a_call_says_where_its_price_comes_from_and_of_which_day(carol: Client) -> None:
    call = booked("openai:gpt-4o", days=1)
    override = price_of_house("2", days=30)
    own = booked(days=1)

    assert call.price is not None
    assert f"{call.price['source']}, as it was on {call.price['as_of']}" in carol.get(at(f"calls/{call.pk}/")).text
    assert f"/admin/conversations/modelprice/{override.pk}/change/" in carol.get(at(f"calls/{own.pk}/")).text


# --- unknown is not zero -------------------------------------------------------------


def test_a_model_without_a_price_costs_unknown_and_never_zero(carol: Client) -> None:
    booked("ollama:llama", days=1)
    for section in ("", "by/user/", "by/model/", "matrix/", "calls/"):
        assert page(carol, at(section)).total("total-cost") == "unknown", section


def test_a_free_model_costs_nothing_and_is_not_unknown(carol: Client) -> None:
    booked("demo:demo", days=1)
    for section in ("", "by/user/", "by/model/", "matrix/", "calls/"):
        assert page(carol, at(section)).total("total-cost") == "$0", section


def test_a_sum_that_lacks_calls_of_unknown_cost_says_so(carol: Client) -> None:
    booked("openai:gpt-4o", days=1)
    booked("ollama:llama", days=1)
    for section in ("by/user/", "by/group/", "matrix/"):
        found = page(carol, at(section))
        remarks = [each for each in found.content.iter() if "usage-more" in each.get("class", "")]

        assert is_money(found.total("total-cost") or "")
        assert remarks, section
    assert "1 call of unknown cost" in carol.get(at("")).content.decode()
    assert "chart-unpriced" in carol.get(at("")).content.decode()


def test_models_without_a_price_are_listed_with_a_way_to_give_them_one(carol: Client) -> None:
    booked("ollama:llama", days=1)
    found = page(carol, at("unpriced/"))

    assert [row[0] for row in found.rows()] == ["llama ollama:llama"]
    assert any(href.endswith("add/?model=ollama%3Allama") for href in found.links())


def test_an_empty_ledger_is_an_empty_page_and_not_an_error(carol: Client) -> None:
    for section in SECTIONS:
        assert page(carol, at(section)).rows() == []


# --- files ---------------------------------------------------------------------------


async def sent(response: Any) -> bytes:
    return b"".join([piece async for piece in response])


def file_of(client: Client, section: str, query: str) -> str:
    response = client.get(at(section, query))
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith('attachment; filename="usage-')
    return async_to_sync(sent)(response).decode("utf-8-sig")


def cost_in(rows: Iterable[dict[str, Any]]) -> Decimal:
    return sum((Decimal(row["BilledCost"]) for row in rows if row["BilledCost"]), Decimal(0))


def test_a_file_adds_up_to_the_total_of_its_page(carol: Client) -> None:
    some_ledger(60)
    for section in [section for section in SECTIONS if section not in ("reliability/", "unpriced/")]:
        query = "period=7d&confidence=reported" + ("&group=0" if section == "by/group/" else "")
        shown = page(carol, at("by/model/", query)).total("total-cost")
        rows = list(csv.DictReader(io.StringIO(file_of(carol, section, f"{query}&download=csv"))))

        assert len(rows) > 1 or section == "by/group/", section
        assert dollars(cost_in(rows)) == shown, section


def test_every_page_offers_both_files_about_the_same(carol: Client) -> None:
    some_ledger(40)
    for section in SECTIONS:
        html = carol.get(at(section, "period=7d&purpose=answer")).content.decode()
        addresses = re.findall(r'href="([^"]+)" download', html)
        texts = [async_to_sync(sent)(carol.get(address.replace("&amp;", "&"))).decode() for address in addresses]

        assert [urlsplit(address).query for address in addresses] == [
            f"period=7d&amp;purpose=answer&amp;download={name}" for name in ("csv", "jsonl")
        ]
        assert len(texts[1].splitlines()) == len(list(csv.reader(io.StringIO(texts[0])))) - 1, section
        assert all(json.loads(line) for line in texts[1].splitlines())


def test_a_file_is_of_the_kind_of_rows_that_the_page_shows(carol: Client) -> None:
    some_ledger(60)
    rows = list(csv.DictReader(io.StringIO(file_of(carol, "calls/", "rows=stops&download=csv"))))

    assert {row["x_Outcome"] for row in rows} == {"stopped"}


def test_a_name_that_is_a_formula_is_a_name_in_the_file(carol: Client) -> None:
    mallory = get_user_model().objects.create(username="=cmd|'/c calc'!A0")
    booked("demo:demo", days=1, user_key=mallory.pk)
    for section in ("by/user/", "matrix/", "conversations/", "calls/"):
        (row,) = csv.DictReader(io.StringIO(file_of(carol, section, "download=csv")))
        assert row["SubAccountName"] == "'=cmd|'/c calc'!A0"


def test_an_address_that_makes_no_sense_gives_no_file(carol: Client) -> None:
    response = carol.get(at("by/user/", "user=nobody&download=csv"))

    assert response.headers["Content-Type"].startswith("text/html")
    assert "There is no user of this name" in response.content.decode()


# --- addresses that make no sense ------------------------------------------------------


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize(
    "query",
    [
        "period=never",
        "from=2026-99-99&to=x",
        "from=2026-02-01&to=2026-01-01",
        "from=0001-01-01&to=9999-12-31",
        "bucket=hour&period=this-year",
        "user=nobody",
        "user=99999999999999999999",
        "group=nobody",
        "model=%00",
        "conversation=x",
        "purpose=fun&confidence=much",
        "page=0&sort=beauty&rows=odd&chart=pie&after=%FF",
        "page=99999999999999999999",
        "download=exe",
        "q=%00",
        "user=" + "x" * 5000,
    ],
)
def test_nonsense_in_the_address_is_a_page(carol: Client, section: str, query: str) -> None:
    booked(days=1)

    assert carol.get(at(section, query)).status_code == 200


def test_what_was_left_out_of_an_address_is_said(carol: Client) -> None:
    html = carol.get(at("", "period=never&user=nobody")).content.decode()

    assert "This is not a period" in html
    assert "There is no user of this name" in html


@pytest.mark.parametrize("path", ["by/colour/", "calls/5f0c7b52-0000-0000-0000-000000000000/", "nothing/"])
def test_pages_that_are_none_are_not_found(carol: Client, path: str) -> None:
    assert carol.get(at(path)).status_code in (302, 404)


# --- how much it asks of the database ---------------------------------------------------


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def queries_once_known(client: Client) -> dict[str, int]:
    """Those of the second look at each page: what is looked up once for all pages is known by then."""
    for section in SECTIONS:
        queries(client, at(section))
    return {section: queries(client, at(section)) for section in SECTIONS}


def test_a_page_takes_as_many_queries_for_many_people_as_for_few(carol: Client) -> None:
    some_ledger(30)
    few = queries_once_known(carol)
    more = [get_user_model().objects.create(username=f"more{number}").pk for number in range(30)]
    random_ledger(Random(SEED), midnight(timezone.localdate() - timedelta(days=5)), 5, 150, more)
    many = queries_once_known(carol)

    assert [section for section in SECTIONS if many[section] > few[section]] == []
    assert max(few.values()) <= MOST_QUERIES


# --- tables -----------------------------------------------------------------------------


def test_a_table_is_sorted_and_searched_by_its_address(carol: Client) -> None:
    some_ledger(60)
    names = [row[0] for row in page(carol, at("by/user/", "sort=name")).rows()]
    calls = [int(row[3]) for row in page(carol, at("by/user/", "sort=calls")).rows()]

    assert names == sorted(names)
    assert calls == sorted(calls, reverse=True)
    assert [row[0] for row in page(carol, at("by/user/", "q=SER1")).rows()] == ["user1"]


def test_five_hundred_people_come_in_pages(carol: Client) -> None:
    for number in range(120):
        person = get_user_model().objects.create(username=f"person{number:03}")
        booked("demo:demo", days=1, user_key=person.pk)
    first, second = page(carol, at("matrix/", "sort=name")), page(carol, at("matrix/", "sort=name&page=2"))

    assert [row[0] for row in first.rows()] == [f"person{number:03}" for number in range(50)]
    assert [row[0] for row in second.rows()] == [f"person{number:03}" for number in range(50, 100)]
    assert json.dumps([row[0] for row in first.rows()]) != json.dumps([row[0] for row in second.rows()])
