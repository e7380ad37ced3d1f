"""Imports point one way (DESIGN section 2), so that a reader never goes back."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("chatsite", "conversations", "providers")
LANES, LOGS, DRAINING, GARBAGE = "chatsite.lanes", "chatsite.logs", "chatsite.draining", "chatsite.garbage"
STENCILS = "conversations.stencils"

# What each room may import of ours, besides itself. Of the site rooms know the lanes, what log lines are about, that
# the process is about to end, and when its garbage is looked through.
MAY_IMPORT = {
    "providers": (),
    "conversations.rendering": (),
    "conversations.models": ("conversations.rendering",),
    "conversations.streaming": ("conversations.models", "conversations.rendering", STENCILS, LANES, LOGS, DRAINING),
    STENCILS: (),
    "conversations.accounting": ("conversations.models", "providers"),
    "conversations.generating": (
        "conversations.models",
        "conversations.rendering",
        "conversations.streaming",
        "conversations.accounting",
        "providers",
        LANES,
        LOGS,
        DRAINING,
        GARBAGE,
    ),
    "conversations.exporting": ("conversations.models", "conversations.rendering", LOGS),
    # The page of model health shows what the runs of this process have met; nothing else of it is in the database.
    "conversations.admin": (
        "conversations.models",
        "conversations.accounting",
        "conversations.exporting",
        "conversations.tasks",
        "conversations.generating.offer",
        "conversations.templatetags",
        "conversations.leaving",
        "providers.health",
        "providers.catalog",
    ),
    "conversations.tasks": ("conversations.generating", "conversations.accounting", "conversations.exporting"),
    "chatsite.lanes": (),
    "chatsite.logs": (),
    "chatsite.requests": (LOGS,),
    "chatsite.pages": (LANES, "chatsite.requests"),
    "chatsite.draining": (),
    "chatsite.garbage": (),
    "chatsite.measuring": ("chatsite.metrics",),
    "chatsite.metrics": (LANES, "conversations.models", "conversations.streaming.hub", "conversations.generating"),
    "chatsite.settings": ("chatsite.environment",),
    "chatsite.environment": (),
}
# Where a third-party package may be imported, and nowhere else.
ONLY_IN = {
    "openai": ("providers.openai_", "providers.sdks"),
    "anthropic": ("providers.anthropic_messages", "providers.sdks"),
    "aiohttp": ("providers.transport",),
    "google": ("providers.google_generate_content", "providers.sdks"),
    "celery": ("chatsite.celery", "conversations.tasks"),
    "twisted": ("chatsite.asgi", "chatsite.daphne"),
    "daphne": ("chatsite.daphne",),
    "uvloop": ("chatsite.daphne", "conversations.management"),
    "environ": ("chatsite.environment",),
    "prometheus_client": ("chatsite.metrics",),
}


def modules() -> list[tuple[str, Path]]:
    found = []
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                found.append((name.removesuffix(".__init__"), path))
    return found


def imports_of(path: Path) -> set[str]:
    """The modules a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


def within(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_lies_before_it(room: str) -> None:
    allowed = (room, *MAY_IMPORT[room])
    wrong = [
        f"{name} imports {imported}"
        for name, path in modules()
        if within(name, (room,))
        for imported in imports_of(path)
        if imported.split(".")[0] in OURS and not within(imported, allowed)
    ]

    assert wrong == []


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_package_is_imported_only_where_it_belongs(package: str) -> None:
    wrong = [
        name
        for name, path in modules()
        if not name.startswith(ONLY_IN[package])
        if any(imported.split(".")[0] == package for imported in imports_of(path))
    ]

    assert wrong == []


def test_only_the_environment_file_reads_the_environment() -> None:
    wrong = [
        name
        for name, path in modules()
        if "os.environ" in path.read_text() or "os.getenv" in path.read_text()
        if name not in ("chatsite.environment", "chatsite.celery", "chatsite.asgi")
        if "management" not in name
    ]

    assert wrong == []
