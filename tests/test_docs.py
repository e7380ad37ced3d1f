"""The documents say what is there."""

import re
from pathlib import Path

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
