"""Whoever imports the registry pays for no SDK: they take up to a second each, and 50 MB."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = ("openai", "anthropic", "google.genai", "httpx2", "pydantic", "genai_prices", "django")

# asyncio is part of every server already: it is left out of the count, and says how fast this machine is.
MEASURED = """
import sys, time
begun = time.process_time()
import asyncio, json
before = time.process_time()
import providers, providers.catalog, providers.registry, providers.prices
times = (time.process_time() - before) / (before - begun)
{more}
print(json.dumps([times, sorted(sys.modules)]))
"""


def imported(more: str = "") -> tuple[float, list[str]]:
    """How many times asyncio's CPU a fresh process takes to import the registry, and all modules it has in the end."""
    code = MEASURED.format(more=more)
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=True)
    times, modules = json.loads(run.stdout)
    return times, modules


def test_the_registry_is_light() -> None:
    runs = [imported() for _ in range(3)]

    assert [name for name in HEAVY if name in runs[0][1]] == []
    assert min(times for times, _ in runs) < 1.5


def test_opening_providers_imports_no_sdk() -> None:
    opening = """
async def opened():
    keys = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), "k")
    server = providers.registry.CompatibleServer("basement", "http://127.0.0.1:1/v1")
    registry = providers.registry.Registry(keys, [server])
    for name in registry.provider_names():
        registry.open(name)
asyncio.run(opened())
"""
    _, modules = imported(opening)

    assert "providers.anthropic_messages" in modules
    assert [name for name in HEAVY if name in modules] == []
