"""Models in the admin: names are checked, prices are said, oddities are told."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from conversations.models import CatalogEntry, ModelPrice
from tests.admin.conftest import person, signed_in
from tests.admin.reading import rows_in

pytestmark = pytest.mark.django_db
LIST = "/admin/conversations/catalogentry/"


@pytest.fixture(autouse=True)
def models(settings: Any) -> None:
    settings.MODELS = ["demo:demo", "openai:gpt-5.5", "openai:nobody-knows-its-price"]


def add(client: Client, **fields: str) -> Any:
    form = {"model": "demo:demo", "position": "0", "offered": "on", "fallbacks": "", **fields}
    return client.post(f"{LIST}add/", form, follow=True)


@pytest.mark.parametrize("name", ["gpt-5.5", "openai:", ":gpt-5.5", "openai:gpt 5.5", "opnai:gpt-5.5"])
def test_a_model_is_named_by_its_provider(carol: Client, name: str) -> None:
    html = add(carol, model=name).content.decode()

    assert not CatalogEntry.objects.exists()
    assert "The providers are anthropic, demo, google, openai." in html


@pytest.mark.parametrize("fallbacks", ["opnai:gpt-5.5", "openai:gpt-5.5, gemini", "openai:gpt-5.5,,x:y"])
def test_every_fallback_is_named_by_its_provider(carol: Client, fallbacks: str) -> None:
    html = add(carol, fallbacks=fallbacks).content.decode()

    assert not CatalogEntry.objects.exists()
    assert "The providers are" in html


def test_a_model_is_not_its_own_fallback(carol: Client) -> None:
    assert "cannot fall back to itself" in add(carol, fallbacks="openai:gpt-5.5, demo:demo").content.decode()


def test_fallbacks_are_kept_in_order_and_once(carol: Client) -> None:
    add(carol, fallbacks=" openai:gpt-5.5 ,google:g, openai:gpt-5.5,")

    assert CatalogEntry.objects.get().fallbacks == "openai:gpt-5.5, google:g"


def test_a_fallback_that_is_not_offered_and_a_missing_key_are_told(carol: Client) -> None:
    html = add(carol, fallbacks="openai:gpt-5.5, google:hidden").content.decode()

    assert "The fallback google:hidden is not offered" in html
    assert "The fallback openai:gpt-5.5" not in html
    assert "No key for google:hidden is set" in html


def test_the_list_says_what_each_model_costs_and_who_says_so(carol: Client) -> None:
    ModelPrice.objects.create(model="demo:mine", fresh_input=Decimal("1.5"), output=Decimal(6))
    for name in ("demo:mine", "openai:gpt-5.5", "openai:nobody-knows-its-price"):
        CatalogEntry.objects.create(model=name)
    prices = {name: row["price"] for name, row in rows_in(carol.get(LIST).content.decode()).items()}

    assert prices["demo:mine"] == "1.5 in, 6 out (set here)"
    assert "genai-prices" in prices["openai:gpt-5.5"]
    assert prices["openai:nobody-knows-its-price"].startswith("unknown")


def test_models_without_an_entry_are_listed_too(carol: Client) -> None:
    CatalogEntry.objects.create(model="demo:demo")
    html = carol.get(LIST).content.decode()
    built_in = html[html.index("Offered as they come") :]

    assert "openai:nobody-knows-its-price" in built_in
    assert ">demo:demo<" not in built_in


def test_who_may_only_look_is_offered_no_change(carol: Client) -> None:
    viewer = signed_in(person("viewer", "conversations.view_catalogentry"))

    assert "changelink" not in viewer.get(LIST).content.decode().split("Offered as they come")[1].split("</table>")[0]


def test_known_names_can_be_picked(carol: Client) -> None:
    html = carol.get(f"{LIST}add/").content.decode()

    assert '<option value="openai:gpt-5.5">' in html
    assert 'list="known-models"' in html
