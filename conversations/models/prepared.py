"""Statements that come with every message, compiled once: Django would do that each time, at ten times their cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import AutoField, Field, Model, QuerySet
from django.db.models.sql import InsertQuery

type Value = int | str | UUID
type Found = tuple[Any, ...]


class Compiled(NamedTuple):
    """`slots` are the parameters: of (name, constant) the value that is called so, or the constant.

    `converters`, by column, make Python's values of those that the database gives.
    """

    model: type[Model]
    sql: str
    slots: list[tuple[str, Any]]
    columns: list[str]
    converters: dict[int, tuple[list[Callable[..., Any]], Any]]


class Prepared[Row: Model]:
    """The query that `make` builds, for any values of its arguments.

    `examples` are such values, each unlike the others and unlike any constant of the query: it is compiled with them,
    and later they are told by them.
    """

    def __init__(self, make: Callable[..., QuerySet[Row, Any]], **examples: Value) -> None:
        self._make = make
        self._examples = examples
        self._compiled: Compiled | None = None

    def rows(self, **values: Value) -> list[Found]:
        """As the database gives them: for queries that end in `values_list` of plain numbers and texts."""
        compiled = self._compiled or self._compile()
        parameters = [adapted(values[name]) if name else constant for name, constant in compiled.slots]
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, parameters)
            found: list[Found] = cursor.fetchall()
            return found

    def objects(self, **values: Value) -> list[Row]:
        """For queries of whole rows."""
        if not (found := self.rows(**values)):
            return []
        model, _, _, columns, converters = self._compiled or self._compile()
        return [model.from_db(connection.alias, columns, converted(row, converters)) for row in found]  # type: ignore[misc]

    def _compile(self) -> Compiled:
        query = self._make(**self._examples)
        compiler = query.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        names = {adapted(example): name for name, example in self._examples.items()}
        slots = [(names.get(value, ""), value) for value in parameters]
        assert {name for name, _ in slots if name} == self._examples.keys()
        selected = [column for column, _, _ in compiler.select]
        columns = [column.target.attname for column in selected if hasattr(column, "target")]
        self._compiled = Compiled(query.model, sql, slots, columns, compiler.get_converters(selected))
        return self._compiled


def converted(row: Found, converters: dict[int, tuple[list[Callable[..., Any]], Any]]) -> list[Any]:
    values = list(row)
    for position, (each, expression) in converters.items():
        for convert in each:
            values[position] = convert(values[position], expression, connection)
    return values


def adapted(value: Value) -> Value:
    """As this database takes it."""
    return value.hex if isinstance(value, UUID) and not connection.features.has_native_uuid_field else value


# --- rows -----------------------------------------------------------------------


class Insertion(NamedTuple):
    """`fields` are the parameters, `left` the attributes that the database fills in."""

    sql: str
    fields: list[Field[Any, Any]]
    left: list[str]


def insert(rows: Sequence[Model]) -> None:
    """New rows of one model, within a transaction. As with `bulk_create` nobody is told.

    Automatic ids stay unknown; what else the database fills in is fetched when somebody asks for it.
    """
    if not rows:
        return
    sql, fields, left = insertion(type(rows[0]))
    values = [[field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(sql, values)
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias
        for name in left:
            row.__dict__.pop(name, None)


@cache
def insertion(model: type[Model]) -> Insertion:
    columns = [field for field in model._meta.local_concrete_fields if not isinstance(field, AutoField)]
    fields = [field for field in columns if not field.has_db_default()]
    query = InsertQuery(model)
    query.insert_values(fields, [model()])
    ((sql, _),) = query.get_compiler(connection=connection).as_sql()
    return Insertion(sql, fields, [field.attname for field in columns if field.has_db_default()])
