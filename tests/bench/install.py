"""What an installation takes: the files of the packages in requirements/base.txt, as they are installed here."""

import re
from importlib.metadata import PackageNotFoundError, files

from tests.servers import ROOT

PINNED = re.compile(r"^([\w.-]+)==", re.MULTILINE)


def install_mb() -> float:
    """Megabytes; a package that this platform has no use for is not counted."""
    names = PINNED.findall((ROOT / "requirements/base.txt").read_text())
    return sum(map(package_bytes, names)) / 1_000_000


def package_bytes(name: str) -> int:
    try:
        installed = [file.locate() for file in files(name) or []]
    except PackageNotFoundError:
        return 0
    return sum(file.stat().st_size for file in installed if file.is_file())  # type: ignore[attr-defined]
