"""Where a viewer is: `{generation}.{part}.{offset}`, the end of the last finished block. Opaque to the browser."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Cursor:
    generation: UUID
    part: int
    offset: int

    def __str__(self) -> str:
        return f"{self.generation}.{self.part}.{self.offset}"


def parse_cursor(text: str) -> Cursor | None:
    """The cursor a browser sends back as Last-Event-ID; None when it is absent or not one of ours."""
    try:
        generation, part, offset = text.split(".")
        return Cursor(UUID(generation), int(part), int(offset))
    except ValueError:
        return None
