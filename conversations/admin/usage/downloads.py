"""Every page as a file, sent piece by piece while the ledger is read: memory stays flat however much it is."""

from collections.abc import AsyncGenerator, Iterator

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from conversations.accounting.reports.columns import CONTENT_TYPES, lines
from conversations.accounting.reports.scope import Scope


def download(view: str, file_format: str, scope: Scope, kind: str = "") -> StreamingHttpResponse:
    """The `view` of columns.VIEWS as "csv" or "jsonl"."""
    name = f"usage-{view}-{scope.period.first_day:%Y-%m-%d}-{scope.period.last_day:%Y-%m-%d}.{file_format}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    pieces = in_lane(lines(view, file_format, scope, kind))
    return StreamingHttpResponse(pieces, content_type=CONTENT_TYPES[file_format], headers=headers)


async def in_lane(pieces: Iterator[str]) -> AsyncGenerator[bytes]:
    """Each piece is asked of the database in the lane of its request, when the one before has been sent."""
    while piece := await sync_to_async(next_of)(pieces):
        yield piece.encode()


def next_of(pieces: Iterator[str]) -> str:
    """Empty at the end: no piece is."""
    return next(pieces, "")
