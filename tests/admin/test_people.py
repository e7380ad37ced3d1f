"""Users and groups in the admin: who spends what, and who may change whom."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from conversations.models import AuditEntry, UsageRecord
from tests.admin.conftest import person, signed_in
from tests.admin.reading import rows_in
from tests.conversations.rows import asked, new_conversation

pytestmark = pytest.mark.django_db
LONG_AGO = "2020-01-01T00:00:00Z"


def spend(name: str, usd: str | None, **fields: Any) -> UsageRecord:
    user, _ = get_user_model().objects.get_or_create(username=name)
    record = UsageRecord(
        user_key=user.pk,
        conversation_key=uuid4(),
        provider="openai",
        model_asked="openai:sim",
        purpose="answer",
        outcome="complete",
        confidence="reported",
        cost_usd=Decimal(usd) if usd else None,
        **fields,
    )
    UsageRecord.book([record])
    return record


def cells(client: Client, address: str, name: str) -> dict[str, str]:
    """The columns of the row of that name, as text."""
    return rows_in(client.get(address).content.decode())[name]


def test_the_list_says_what_each_has_spent_this_month_and_in_total(carol: Client) -> None:
    spend("alice", "1.25")
    spend("alice", "2", created_at=LONG_AGO)
    spend("bob", None)
    get_user_model().objects.create(username="zoe")
    alice, bob, zoe = (cells(carol, "/admin/auth/user/", name) for name in ("alice", "bob", "zoe"))

    assert (alice["spent_this_month"], alice["spent_ever"]) == ("$1.25", "$3.25")
    assert (bob["spent_this_month"], bob["spent_ever"]) == ("unknown", "unknown")
    assert (zoe["spent_this_month"], zoe["spent_ever"]) == ("–", "–")


def test_a_sum_with_unknown_calls_says_so(carol: Client) -> None:
    spend("alice", "1.25")
    spend("alice", None)

    assert cells(carol, "/admin/auth/user/", "alice")["spent_this_month"] == "$1.25 + 1 unknown"


def test_the_list_says_how_many_conversations_and_who_is_being_answered(carol: Client) -> None:
    asked(new_conversation("alice"))
    new_conversation("alice")
    alice = cells(carol, "/admin/auth/user/", "alice")

    assert (alice["conversations_kept"], alice["answering"]) == ("2", "1")
    assert alice["last_active"] != "never"


@pytest.mark.parametrize(
    ("use", "found"), [("now", {"alice"}), ("month", {"alice", "bob"}), ("quiet", {"olga"}), ("never", {"carol"})]
)
def test_people_are_found_by_their_use(carol: Client, use: str, found: set[str]) -> None:
    asked(new_conversation("alice"))
    new_conversation("bob")
    old = new_conversation("olga")
    type(old).objects.filter(pk=old.pk).update(updated_at=LONG_AGO)

    assert set(rows_in(carol.get(f"/admin/auth/user/?use={use}").content.decode())) == found


def test_a_user_s_page_leads_to_all_that_is_theirs(carol: Client) -> None:
    spend("alice", "1.25")
    alice = get_user_model().objects.get(username="alice")
    html = carol.get(f"/admin/auth/user/{alice.pk}/change/").content.decode()

    for address in (
        f"/admin/usage/?period=this-month&user={alice.pk}",
        f"/admin/conversations/budget/?user__id__exact={alice.pk}",
        f"/admin/conversations/exportjob/?requested_by__id__exact={alice.pk}",
        f"/admin/conversations/conversation/?owner__id__exact={alice.pk}",
        f"/admin/conversations/usagerecord/?user_key={alice.pk}",
        f"/admin/conversations/auditentry/?subject_key={alice.pk}",
    ):
        assert address.replace("&", "&amp;") in html
        assert carol.get(address).status_code == 200
    assert "$1.25" in html


def test_the_ways_are_those_one_may_go(carol: Client) -> None:
    alice = get_user_model().objects.create(username="alice")
    support = signed_in(person("sam", "auth.view_user", "conversations.view_conversation"))
    html = support.get(f"/admin/auth/user/{alice.pk}/change/").content.decode()

    assert f"?owner__id__exact={alice.pk}" in html
    assert "/admin/usage/" not in html
    assert "auditentry" not in html


def test_a_group_adds_up_its_members(carol: Client) -> None:
    spend("alice", "1.25")
    spend("bob", "2")
    spend("eve", "4")
    team = Group.objects.create(name="team")
    team.user_set.set(get_user_model().objects.filter(username__in=["alice", "bob"]))
    row = cells(carol, "/admin/auth/group/", "team")
    page = carol.get(f"/admin/auth/group/{team.pk}/change/").content.decode()

    assert (row["members"], row["spent_this_month"]) == ("2", "$3.25")
    assert ">alice</a>, <a" in page
    assert "eve" not in page


# --- who may change whom ----------------------------------------------------


def form_of(user: Any, **changes: Any) -> dict[str, Any]:
    return {"username": user.username, "email": "new@example.org", "is_active": "on", "_save": "Save", **changes}


def test_staff_who_change_users_cannot_make_themselves_more() -> None:
    sam = person("sam", "auth.change_user", "auth.view_user")
    role = Group.objects.create(name="Powerful")
    form = form_of(sam, is_superuser="on", is_staff="on", groups=[role.pk], user_permissions=[1, 2, 3])
    response = signed_in(sam).post(f"/admin/auth/user/{sam.pk}/change/", form)
    sam.refresh_from_db()

    assert response.status_code == 302
    assert sam.email == "new@example.org"
    assert not sam.is_superuser
    assert sam.is_staff
    assert not sam.groups.exists()
    assert sam.user_permissions.count() == 2


@pytest.mark.parametrize("way", ["change/", "password/", "delete/"])
def test_staff_cannot_touch_a_superuser(way: str) -> None:
    root = person("root", is_superuser=True)
    sam = signed_in(person("sam", "auth.change_user", "auth.view_user", "auth.delete_user"))
    form = form_of(root, password1="correct horse 7", password2="correct horse 7", post="yes")

    assert sam.post(f"/admin/auth/user/{root.pk}/{way}", form).status_code == 403
    assert not get_user_model().objects.get(pk=root.pk).has_usable_password() or root.check_password("x") is False


def test_roles_are_for_superusers() -> None:
    role = Group.objects.create(name="Powerful")
    sam = signed_in(person("sam", "auth.change_group", "auth.view_group", "auth.add_group"))

    assert sam.post(f"/admin/auth/group/{role.pk}/change/", {"name": "Mine", "_save": "Save"}).status_code == 403
    assert sam.get("/admin/auth/group/add/").status_code == 403


def test_the_secret_of_a_second_factor_is_nowhere(carol: Client) -> None:
    alice = get_user_model().objects.create(username="alice")
    factor = Authenticator.objects.create(user=alice, type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
    for address in ("/admin/mfa/authenticator/", f"/admin/mfa/authenticator/{factor.pk}/change/"):
        assert "JBSWY3DPEHPK3PXP" not in carol.get(address).content.decode()
    assert carol.get("/admin/mfa/authenticator/?data__secret__startswith=J").status_code in (302, 400)
    assert carol.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Authenticator.objects.exists()


# --- deleting an account ----------------------------------------------------


def delete_selected(client: Client, *people: Any) -> Any:
    form = {"action": "delete_selected", "_selected_action": [each.pk for each in people], "post": "yes"}
    return client.post("/admin/auth/user/", form)


def test_deleting_an_account_says_how_much_goes_and_shows_none_of_it(carol: Client) -> None:
    asked(new_conversation("alice"), "Aunt Agatha's secret")
    alice = get_user_model().objects.get(username="alice")
    html = carol.get(f"/admin/auth/user/{alice.pk}/delete/").content.decode()

    assert "alice, with conversations: 1" in html
    assert "Agatha" not in html


@pytest.mark.parametrize("way", ["page", "action"])
def test_deleting_an_account_is_logged_and_changes_no_bill(carol: Client, way: str) -> None:
    spend("alice", "1.25")
    new_conversation("alice")
    alice = get_user_model().objects.get(username="alice")
    if way == "page":
        carol.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"})
    else:
        delete_selected(carol, alice)
    entry = AuditEntry.objects.get()

    assert not get_user_model().objects.filter(pk=alice.pk).exists()
    assert (entry.action, entry.actor_name, entry.subject_key) == ("account_deleted", "carol", alice.pk)
    assert UsageRecord.objects.get().cost_usd == Decimal("1.25")


def test_superusers_are_not_among_those_that_staff_select_and_delete() -> None:
    root, bob = person("root", is_superuser=True), get_user_model().objects.create(username="bob")
    sam = signed_in(person("sam", "auth.view_user", "auth.delete_user"))
    html = delete_selected(sam, root, bob).content.decode()

    assert "root" in html
    assert get_user_model().objects.filter(username__in=["root", "bob"]).count() == 2


def test_the_last_superuser_stays(carol: Client) -> None:
    delete_selected(carol, get_user_model().objects.get(username="carol"))

    assert get_user_model().objects.filter(username="carol").exists()
