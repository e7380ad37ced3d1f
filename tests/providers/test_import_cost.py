"""Whoever imports the registry pays for no SDK: they take up to a second each, and 50 MB."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = ("openai", "anthropic", "google.genai", "httpx2", "pydantic", "genai_prices", "django")

# asyncio is part of every server already and is left out of the count.
MEASURED = """
import asyncio, json, sys, time
before = time.process_time()
import providers, providers.catalog, providers.registry, providers.prices
cpu_ms = (time.process_time() - before) * 1000
{more}
print(json.dumps([cpu_ms, sorted(sys.modules)]))
"""


def imported(more: str = "") -> tuple[float, list[str]]:
    """CPU milliseconds of importing the registry in a fresh process, and all modules loaded in the end."""
    code = MEASURED.format(more=more)
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=True)
    cpu_ms, modules = json.loads(run.stdout)
    return cpu_ms, modules


def test_the_registry_is_light() -> None:
    runs = [imported() for _ in range(3)]

    assert [name for name in HEAVY if name in runs[0][1]] == []
    assert min(cpu_ms for cpu_ms, _ in runs) < 60


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
