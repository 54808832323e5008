"""Insertion of events in plain SQL: every change waits for it, and the ORM takes twice as long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, models
from django.utils import timezone
from psycopg.types.json import Jsonb

from audit.models import Event

_BATCH_SIZE = 5000  # PostgreSQL takes at most 65,535 values in a statement
_FIELDS = Event._meta.concrete_fields
_COLUMNS = ", ".join(str(field.column) for field in _FIELDS)
_ROW_PLACEHOLDERS = f"({', '.join(['%s'] * len(_FIELDS))})"


def insert_events(events: Sequence[Event]) -> None:
    """Insert `events`, each with the current time."""
    with connection.cursor() as cursor:
        for start in range(0, len(events), _BATCH_SIZE):
            batch = events[start : start + _BATCH_SIZE]
            rows = ", ".join([_ROW_PLACEHOLDERS] * len(batch))
            values = [value for event in batch for value in _get_column_values(event)]
            cursor.execute(f"INSERT INTO audit_event ({_COLUMNS}) VALUES {rows}", values)  # noqa: S608


def _get_column_values(event: Event) -> list[Any]:
    event.at = timezone.now()
    event._state.adding = False
    values = [(field, getattr(event, field.attname)) for field in _FIELDS]
    return [_adapt_value(field, value) for field, value in values]


def _adapt_value(field: models.Field[Any, Any], value: Any) -> Any:
    return Jsonb(value) if isinstance(field, models.JSONField) and value is not None else value
