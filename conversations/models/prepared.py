"""Statements that come with every message, compiled once: Django would do that each time, at ten times their cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from itertools import batched, chain
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import AutoField, Field, Model, QuerySet
from django.db.models.sql import DeleteQuery, InsertQuery, UpdateQuery

type Value = int | str | UUID
type Found = tuple[Any, ...]


class Statement(NamedTuple):
    """`slots` are the parameters: of (name, constant) the value that is called so, or the constant."""

    sql: str
    slots: list[tuple[str, Any]]

    def parameters(self, values: Mapping[str, Value]) -> list[Any]:
        return [adapted(values[name]) if name else constant for name, constant in self.slots]


class Fetched(NamedTuple):
    """What a query selects. `converters`, by column, make Python's values of those that the database gives."""

    model: type[Model]
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

    def rows(self, **values: Value) -> list[Found]:
        """As the database gives them: for queries that end in `values_list` of plain numbers and texts."""
        statement, _ = self._compiled
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.parameters(values))
            found: list[Found] = cursor.fetchall()
            return found

    def objects(self, **values: Value) -> list[Row]:
        """For queries of whole rows."""
        if not (found := self.rows(**values)):
            return []
        _, (model, columns, converters) = self._compiled
        return [model.from_db(connection.alias, columns, converted(row, converters)) for row in found]  # type: ignore[misc]

    @cached_property
    def _compiled(self) -> tuple[Statement, Fetched]:
        found = self._make(**self._examples)
        compiler = found.query.get_compiler(connection=connection)
        statement = told_by(self._examples, *compiler.as_sql())
        selected = [column for column, _, _ in compiler.select]
        columns = [column.target.attname for column in selected if hasattr(column, "target")]
        return statement, Fetched(found.model, columns, compiler.get_converters(selected))


class PreparedUpdate:
    """Sets `fields`, and `always` the same to others, in the rows that `make` finds. Examples as for queries."""

    def __init__(
        self, make: Callable[..., QuerySet[Any]], fields: Sequence[str], always: Mapping[str, Any], **examples: Value
    ) -> None:
        self._make = make
        self._names = fields
        self._always = always
        self._examples = examples

    def run(self, new: Mapping[str, Any], **values: Value) -> int:
        """How many rows it found."""
        statement, fields = self._compiled
        prepared = [field.get_db_prep_save(new[field.attname], connection) for field in fields]
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, [*prepared, *statement.parameters(values)])
            return int(cursor.rowcount)

    @cached_property
    def _compiled(self) -> tuple[Statement, list[Field[Any, Any]]]:
        query: Any = self._make(**self._examples).query.chain(klass=UpdateQuery)
        fields: list[Field[Any, Any]] = [query.get_meta().get_field(name) for name in self._names]
        query.add_update_values({**{field.attname: field.get_default() for field in fields}, **self._always})
        sql, parameters = query.get_compiler(connection=connection).as_sql()
        return told_by(self._examples, sql, parameters[len(fields) :]), fields


class PreparedDelete:
    """Deletes the rows that `make` finds and nothing else: for models that no other refers to. Examples as above."""

    def __init__(self, make: Callable[..., QuerySet[Any]], **examples: Value) -> None:
        self._make = make
        self._examples = examples

    def run(self, **values: Value) -> None:
        with connection.cursor() as cursor:
            cursor.execute(self._compiled.sql, self._compiled.parameters(values))

    @cached_property
    def _compiled(self) -> Statement:
        query = self._make(**self._examples).query.chain(klass=DeleteQuery)
        return told_by(self._examples, *query.get_compiler(connection=connection).as_sql())


def told_by(examples: Mapping[str, Value], sql: str, parameters: Sequence[Any]) -> Statement:
    """The statement, with the names of those parameters that are examples."""
    names = {adapted(example): name for name, example in examples.items()}
    slots = [(names.get(value, ""), value) for value in parameters]
    assert {name for name, _ in slots if name} == examples.keys()
    return Statement(sql, slots)


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


# Far below what any database takes, and enough for one statement nearly always.
ROWS_AT_ONCE = 100


class Insertion(NamedTuple):
    """The statement up to its rows, one row of it, whose parameters are `fields`; `left` the database fills in."""

    head: str
    row: str
    fields: list[Field[Any, Any]]
    left: list[str]


def insert(rows: Sequence[Model]) -> None:
    """New rows of one model, within a transaction. As with `bulk_create` nobody is told.

    Automatic ids stay unknown; what else the database fills in is fetched when somebody asks for it.

    Many rows are one statement. `executemany` would be a pipeline on PostgreSQL: a process that stands still within one
    is not idle there, and would keep its locks for as long as it stands still.
    """
    if not rows:
        return
    head, row_sql, fields, left = insertion(type(rows[0]))
    values = [[field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields] for row in rows]
    with connection.cursor() as cursor:
        for some in batched(values, ROWS_AT_ONCE):
            cursor.execute(head + ", ".join([row_sql] * len(some)), [*chain.from_iterable(some)])
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
    head, values, row = sql.partition(" VALUES ")
    return Insertion(head + values, row, fields, [field.attname for field in columns if field.has_db_default()])
