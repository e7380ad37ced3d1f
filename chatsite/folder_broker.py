"""The broker of the embedded default: kombu's folder of messages, with whole messages only.

Kombu's own transport lets a worker see a message while it is still being written. The worker takes the empty file for
a message and dies of it. Here a message is written aside and appears under its name when it is whole.
"""

import time
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

# A message that is being written or read: no worker looks for such names.
HALF = ".half"


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:  # type: ignore[override]
        """Messages are in the order of their names."""
        name = f"{time.time_ns()}_{uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        aside = folder / f"{name}{HALF}"
        aside.write_bytes(str_to_bytes(dumps(payload)))
        aside.rename(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """The oldest message. Whoever renames it has it."""
        for whole in sorted(Path(self.data_folder_in).glob(f"*.{queue}.msg")):
            mine = whole.with_name(f"{whole.name}{HALF}")
            try:
                whole.rename(mine)
            except FileNotFoundError:
                continue
            payload = mine.read_bytes()
            mine.unlink()
            return loads(bytes_to_str(payload))
        raise Empty


class Transport(filesystem.Transport):
    Channel = Channel
