"""Staff see which models answer and which fail, as the process they ask has met them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Site, running_site, simulated
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask

PAGE = "/admin/model-health/"
CHAIN = '{"openai:failing": ["sim:healthy"]}'


@pytest.fixture(scope="module")
def chained_site(
    template: Path, tmp_path_factory: pytest.TempPathFactory, simulator_process: SimulatorClient
) -> Iterator[Site]:
    """A site whose first model has another behind it."""
    settings = simulated(simulator_process, "openai:failing,sim:healthy") | {"CHAT_FALLBACKS": CHAIN}
    with running_site(template, tmp_path_factory.mktemp("chained"), **settings) as running:
        yield running


def test_staff_see_how_a_failing_model_and_its_fallback_are_doing(
    chained_site: Site, simulator: SimulatorClient
) -> None:
    simulator.script("failing", {"status": 529})
    simulator.script("healthy", {"text": "Here I am.", "tokens_per_s": 0})
    with chained_site.signed_in("alice") as alice, chained_site.signed_in("carol") as carol:
        for _ in range(5):
            ask(chained_site, alice, model="openai:failing").ended()
        rows = table(carol.get(PAGE).text)

    assert set(rows) == {"openai:failing", "sim:healthy"}
    assert rows["openai:failing"][:2] == ["0", "5"]
    assert re.fullmatch(r"was overloaded, .+ ago", rows["openai:failing"][2])
    assert re.fullmatch(r"spared for \d.* where it has a fallback", rows["openai:failing"][4])
    assert rows["sim:healthy"][:2] == ["5", "0"]
    assert re.fullmatch(r"began to answer, .+ ago", rows["sim:healthy"][2])
    assert rows["sim:healthy"][3].endswith(" s")
    assert rows["sim:healthy"][4] == "asked as usual"


def table(html: str) -> dict[str, list[str]]:
    """Cells by model."""
    rows = re.findall(r'<th scope="row">([^<]+)</th>(.*?)</tr>', html, re.DOTALL)
    return {model: re.findall(r"<td>([^<]*)</td>", cells) for model, cells in rows}


def test_the_page_says_that_it_knows_one_process_only_and_is_found_from_the_index(chained_site: Site) -> None:
    with chained_site.signed_in("carol") as carol:
        assert f'href="{PAGE}"' in carol.get("/admin/").text
        assert f"this server process (number {chained_site.pid})" in carol.get(PAGE).text


def test_a_reader_is_sent_to_the_sign_in_of_the_admin(chained_site: Site) -> None:
    with chained_site.signed_in("alice") as alice:
        response = alice.get(PAGE)

    assert response.status_code == 302
    assert response.headers["location"].startswith("/admin/login/")
