"""The roles of staff: made once, never made again, and what each may see."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from conversations.roles import MADE_WITH, ROLES, make_roles
from tests.admin.conftest import person, signed_in
from tests.conversations.rows import answered, asked

pytestmark = pytest.mark.django_db


def applied_now() -> list[Any]:
    """The plan of a `migrate` that applies the migration the roles come with."""
    return [(MigrationLoader(connection).disk_migrations[MADE_WITH], False)]


def test_a_fresh_database_has_them() -> None:
    make_roles(applied_now())

    assert set(Group.objects.values_list("name", flat=True)) >= set(ROLES)


def test_every_permission_of_a_role_exists() -> None:
    existing = {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}

    assert {name for names in ROLES.values() for name in names} - existing == set()


def test_nobody_reads_transcripts_by_a_role() -> None:
    make_roles(applied_now())

    assert not Group.objects.filter(permissions__codename="read_transcripts").exists()


def test_what_an_admin_made_of_them_stays() -> None:
    make_roles(applied_now())
    Group.objects.get(name="Exports").delete()
    Group.objects.get(name="Support").permissions.clear()
    Group.objects.filter(name="Finance").update(name="Bookkeeping")
    call_command("migrate", verbosity=0)

    assert set(Group.objects.values_list("name", flat=True)) == {"Support", "Bookkeeping"}
    assert not Group.objects.get(name="Support").permissions.exists()


def test_a_group_that_is_there_already_is_left_alone() -> None:
    Group.objects.all().delete()
    Group.objects.create(name="Support")
    make_roles(applied_now())

    assert not Group.objects.get(name="Support").permissions.exists()


def titles(html: str) -> list[str]:
    return [part.partition("</h2>")[0].partition(">")[2] for part in html.split('<h2 id="section-')[1:]]


@pytest.mark.parametrize(
    ("role", "sections"),
    [
        ("Support", ["Usage &amp; cost", "People", "Conversations", "Models", "Jobs &amp; log"]),
        ("Finance", ["Usage &amp; cost", "People", "Models", "Jobs &amp; log"]),
        ("Exports", ["People", "Conversations", "Models", "Jobs &amp; log"]),
    ],
)
def test_the_front_page_shows_what_a_role_is_for(role: str, sections: list[str]) -> None:
    make_roles(applied_now())
    answered(asked())
    member = person("member")
    member.groups.add(Group.objects.get(name=role))
    html = signed_in(member).get("/admin/").content.decode()

    assert titles(html) == sections
    assert "Application" not in html
    assert ">More<" not in html


def test_everything_a_superuser_sees_has_its_place(carol: Any) -> None:
    assert titles(carol.get("/admin/").content.decode()) == [
        "Usage &amp; cost",
        "People",
        "Conversations",
        "Models",
        "Jobs &amp; log",
    ]


def test_every_link_of_the_front_page_leads_somewhere(carol: Any) -> None:
    html = carol.get("/admin/").content.decode()
    front = html[html.index('class="front"') : html.index('class="all-tables"')]
    addresses = {part.partition('"')[0] for part in front.split('href="')[1:]}

    assert len(addresses) > 10
    for address in sorted(addresses):
        assert carol.get(address.replace("&amp;", "&")).status_code == 200, address


def test_the_front_page_says_what_is_going_on(carol: Any) -> None:
    failed = asked()
    failed.finish("failed", [], [], error_kind="overloaded")
    asked(failed.conversation)
    html = " ".join(carol.get("/admin/").content.decode().split())

    assert '<strong class="tile-figure">1</strong> <span class="tile-note">of 2 answers in 24 hours' in html
    assert "Answers being written" in html
