"""What holds for every list and every page of the admin, whoever has registered them."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations.models import AuditEntry, Generation, UsageRecord
from tests.admin.conftest import person, signed_in
from tests.admin.filling import a_row

pytestmark = pytest.mark.django_db
FEW, MANY = 3, 50
MOST_QUERIES = 20
# They bear witness, or belong to a run: nobody edits them, nobody deletes them.
UNTOUCHABLE = [UsageRecord, AuditEntry, Generation]
ADMINS = sorted(admin.site._registry.values(), key=lambda each: each.opts.label_lower)


def label(each: Any) -> str:
    return str(each.opts.label_lower if isinstance(each, admin.ModelAdmin) else each._meta.label_lower)


every_admin = pytest.mark.parametrize("each", ADMINS, ids=label)


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
        response.render() if hasattr(response, "render") else None
    assert response.status_code == 200, response.get("location")
    return len(captured)


def list_of(each: Any) -> str:
    return reverse(f"admin:{each.opts.app_label}_{each.opts.model_name}_changelist")


def page_of(each: Any, row: Any) -> str:
    return reverse(f"admin:{each.opts.app_label}_{each.opts.model_name}_change", args=[row.pk])


@every_admin
def test_a_list_costs_as_many_queries_with_fifty_rows_as_with_three(each: Any, carol: Client) -> None:
    for _ in range(FEW):
        a_row(each.model)
    few = queries(carol, list_of(each))
    for _ in range(MANY - FEW):
        a_row(each.model)

    assert queries(carol, list_of(each)) <= few
    assert few <= MOST_QUERIES


@every_admin
def test_a_page_costs_as_many_queries_among_fifty_rows_as_among_three(each: Any, carol: Client) -> None:
    row, *_ = [a_row(each.model) for _ in range(FEW)]
    few = queries(carol, page_of(each, row))
    for _ in range(MANY - FEW):
        a_row(each.model)

    assert queries(carol, page_of(each, row)) <= few
    assert few <= MOST_QUERIES


@every_admin
def test_who_may_only_look_finds_no_button(each: Any) -> None:
    viewer = signed_in(person("viewer", f"{each.opts.app_label}.view_{each.opts.model_name}"))
    row = a_row(each.model)
    list_html, page_html = (viewer.get(address).content.decode() for address in (list_of(each), page_of(each, row)))

    for html in (list_html, page_html):
        assert 'name="_save"' not in html
        assert 'class="deletelink"' not in html
        assert "addlink" not in html
    assert viewer.post(page_of(each, row), {"_save": "Save"}).status_code == 403
    assert viewer.get(page_of(each, row).replace("/change/", "/delete/")).status_code in (403, 404)


@every_admin
def test_staff_without_permission_see_nothing(each: Any) -> None:
    stranger = signed_in(person("stranger"))

    assert stranger.get(list_of(each)).status_code == 403
    assert list_of(each) not in stranger.get("/admin/").content.decode()


@pytest.mark.parametrize("model", UNTOUCHABLE, ids=label)
def test_not_even_a_superuser_edits_or_deletes_what_bears_witness(model: Any, carol: Client) -> None:
    each, row = admin.site._registry[model], a_row(model)
    before = model.objects.filter(pk=row.pk).values().get()
    change, delete = page_of(each, row), page_of(each, row).replace("/change/", "/delete/")
    new = {field.name: "changed" for field in model._meta.concrete_fields}

    assert carol.post(change, {**new, "_save": "Save"}).status_code == 403
    assert carol.post(delete, {"post": "yes"}).status_code == 403
    carol.post(list_of(each), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert carol.get(f"{list_of(each)}add/").status_code == 403
    assert model.objects.filter(pk=row.pk).values().get() == before


@every_admin
def test_pages_of_the_admin_obey_the_policy(each: Any, carol: Client) -> None:
    """No inline script, style or handler: the browser would refuse them."""
    row = a_row(each.model)
    for address in (list_of(each), page_of(each, row)):
        html = carol.get(address).content.decode()
        for forbidden in ("<style", " style=", "javascript:", " onclick=", "<script>"):
            assert forbidden not in html, (address, forbidden)
