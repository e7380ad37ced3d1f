"""The documents say what is there."""

import re
from pathlib import Path

from django.conf import settings

from tests import errors_table

ROOT = Path(__file__).parent.parent
READS = re.compile(r'(?:env\w*|provider_environment)\(\s*"([A-Z_]+)"')


async def test_the_table_of_errors_is_what_the_code_says() -> None:
    assert errors_table.TABLE.read_text() == await errors_table.table()


def names_read() -> set[str]:
    """Every name that the settings read from the environment."""
    text = (ROOT / "chatsite/settings.py").read_text() + (ROOT / "chatsite/environment.py").read_text()
    company_names = set(re.findall(r'"((?:OPENAI|ANTHROPIC|GEMINI|GOOGLE)_[A-Z_]+)"', text))
    return set(READS.findall(text)) | company_names


def test_every_setting_has_a_line_in_the_docs() -> None:
    documented = (ROOT / "docs/settings.md").read_text()

    assert [name for name in sorted(names_read()) if f"`{name}`" not in documented] == []


def test_every_documented_setting_is_read() -> None:
    documented = set(
        re.findall(
            r"`((?:CHAT|DJANGO|OPENAI|ANTHROPIC|GEMINI|GOOGLE|DATABASE|REDIS|CELERY)_[A-Z_]+)`",
            (ROOT / "docs/settings.md").read_text(),
        )
    )

    assert sorted(documented - names_read()) == []


def test_every_periodic_task_is_in_the_document_of_workers() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/workers.md").read_text(), re.MULTILINE)

    assert sorted(documented) == sorted(settings.PERIODIC_S)


FAULTS = (ROOT / "docs/faults.md").read_text()


def test_every_fault_has_a_test() -> None:
    rows = re.findall(r"^\| (?!Fault|--)(.+?) \|(.*)\|$", FAULTS, re.MULTILINE)

    assert len(rows) > 30
    assert [fault for fault, cells in rows if "::test_" not in cells] == []


def test_every_test_of_a_fault_exists() -> None:
    named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", FAULTS)

    assert [test for path, test in named if not re.search(rf"def {test}\(", (ROOT / path).read_text())] == []
