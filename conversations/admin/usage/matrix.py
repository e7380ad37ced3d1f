"""The matrix: what each user spent on each model, shaded by how much."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from conversations.accounting import reports
from conversations.accounting.reports import Line, Matrix
from conversations.accounting.reports.charts import heat
from conversations.accounting.reports.figures import Figures
from conversations.accounting.reports.scope import Scope
from conversations.admin.usage.downloads import download
from conversations.admin.usage.frame import Asked, for_staff, page
from conversations.admin.usage.links import address, rows_behind
from conversations.admin.usage.tables import looked_for, page_links, page_of

USERS_PER_PAGE = 50
MOST_MODELS = 24


@dataclass(frozen=True, slots=True)
class Cell:
    """What one user spent on one model; `figures` is None where they never called it. `shade` is 0 to 9."""

    figures: Figures | None
    shade: int | None
    link: str


@dataclass(frozen=True, slots=True)
class Row:
    user: Line
    cells: Sequence[Cell]


@for_staff
def matrix(request: HttpRequest) -> HttpResponseBase:
    asked = Asked(request)
    if asked.format:
        return download("matrix", asked.format, asked.scope)
    scope = asked.scope
    found = reports.matrix(scope)
    columns = found.models[:MOST_MODELS]
    order = asked.word("sort", ["name", *(model.key for model in columns)])
    users = ordered(looked_for(found.users, asked.words), order, found)

    def here(other: Scope, **more: Any) -> str:
        return address("matrix", other, **{"sort": order, "q": asked.words} | more)

    shown = page_of(users, asked, USERS_PER_PAGE)
    return page(
        asked,
        "matrix",
        "Users × models",
        here,
        found=found,
        columns=[(model, here(scope, sort=model.key)) for model in columns],
        left_out=found.models[MOST_MODELS:],
        rows=rows_of(scope, found, columns, list(shown)),
        shown=shown,
        count=len(users),
        words=asked.words,
        order=order,
        by_cost=here(scope, sort=""),
        by_name=here(scope, sort="name"),
        kept={"sort": order},
        pages=page_links(shown, lambda number: here(scope, page=number)),
    )


def ordered(users: Sequence[Line], order: str, found: Matrix) -> Sequence[Line]:
    """By name, by what they spent on the model called `order`, or by cost, as they come."""
    if order == "name":
        return sorted(users, key=lambda user: user.title.casefold())
    if order:
        return sorted(users, key=lambda user: -spent(found, user, order))
    return users


def spent(found: Matrix, user: Line, model: str) -> Decimal:
    cell = found.cells.get((int(user.key), model))
    return cell.known_cost_usd if cell else Decimal(-1)


def rows_of(scope: Scope, found: Matrix, columns: Sequence[Line], users: Sequence[Line]) -> list[Row]:
    most = max((figures.known_cost_usd for figures in found.cells.values()), default=None)
    return [Row(user, [cell_of(scope, found, user, model, most) for model in columns]) for user in users]


def cell_of(scope: Scope, found: Matrix, user: Line, model: Line, most: Decimal | None) -> Cell:
    figures = found.cells.get((int(user.key), str(model.key)))
    if figures is None:
        return Cell(None, 0, "")
    return Cell(figures, heat(figures.cost_usd, most), rows_behind(scope, user=user.key, model=model.key))
