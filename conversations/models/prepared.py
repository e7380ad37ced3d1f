"""Queries that are asked with every message, compiled once: Django would do that each time, at ten times their cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet

type Value = int | str | UUID


class Prepared[Row: Model]:
    """The query that `make` builds, for any values of its arguments.

    `examples` are such values, each unlike the others and unlike any constant of the query: it is compiled with them,
    and later they are told by them.
    """

    def __init__(self, make: Callable[..., QuerySet[Row, Any]], **examples: Value) -> None:
        self._make = make
        self._examples = examples
        self._compiled: tuple[type[Row], str, list[tuple[str, Any]]] | None = None

    def rows(self, **values: Value) -> list[tuple[Any, ...]]:
        """As the database gives them: for queries that end in `values_list` of plain numbers and texts."""
        _, sql, parameters = self._with(values)
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def objects(self, **values: Value) -> list[Row]:
        model, sql, parameters = self._with(values)
        return list(model._default_manager.raw(sql, parameters))

    def _with(self, values: dict[str, Value]) -> tuple[type[Row], str, list[Any]]:
        model, sql, slots = self._compiled or self._compile()
        return model, sql, [adapted(values[name]) if name else constant for name, constant in slots]

    def _compile(self) -> tuple[type[Row], str, list[tuple[str, Any]]]:
        query = self._make(**self._examples)
        sql, parameters = query.query.sql_with_params()
        names = {adapted(example): name for name, example in self._examples.items()}
        slots = [(names.get(value, ""), value) for value in parameters]
        assert {name for name, _ in slots if name} == self._examples.keys()
        self._compiled = query.model, sql, slots
        return self._compiled


def adapted(value: Value) -> Value:
    """As this database takes it."""
    return value.hex if isinstance(value, UUID) and not connection.features.has_native_uuid_field else value
