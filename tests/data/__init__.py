"""Test data from public sources, with their licences: `wire/README.md`, `markdown/SOURCES.md`. Never edited by hand."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
WIRE = HERE / "wire"
MARKDOWN = HERE / "markdown"
