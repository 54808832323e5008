"""Columns that hold the key of other columns, see `core.keys`. PostgreSQL cannot compute a key.

So every statement that writes a source writes its keys: `save()` and `bulk_create()` compute them, also with a list of
fields, and `QuerySet.update()` and `bulk_update()` refuse a source.
"""

from collections.abc import Collection
from typing import Any, TypeVar

from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldError
from django.db import models

from core.keys import KeyFunction

ModelT = TypeVar("ModelT", bound=models.Model)


class KeyField(models.CharField):  # type: ignore[type-arg]
    """The key by `compute` of the text in the fields `sources`, cut off at `max_length`; null without text.

    Its model is a `KeyedModel`.
    """

    def __init__(self, *sources: str, compute: KeyFunction, **kwargs: Any) -> None:
        self.sources, self.compute = sources, compute
        super().__init__(**({"editable": False, "blank": True} | kwargs))

    def deconstruct(self) -> Any:
        name, path, _args, kwargs = super().deconstruct()
        return name, path, list(self.sources), kwargs | {"compute": self.compute}

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Return an error when a write of its model could leave the key stale."""
        querysets = [manager.get_queryset() for manager in self.model._meta.managers]
        if issubclass(self.model, KeyedModel) and all(isinstance(rows, KeyedQuerySet) for rows in querysets):
            return super().check(**kwargs)
        return [Error("A model with a KeyField is a KeyedModel, and its managers return a KeyedQuerySet.", obj=self)]

    def pre_save(self, model_instance: models.Model, add: bool) -> str | None:
        texts = [getattr(model_instance, source) for source in self.sources]
        key = None if texts == [None] else self.compute(" ".join(text or "" for text in texts))[: self.max_length]
        setattr(model_instance, self.attname, key)
        return key


def _list_keys(model: type[models.Model]) -> list[KeyField]:
    return [field for field in model._meta.concrete_fields if isinstance(field, KeyField)]


def _add_keys(model: type[models.Model], fields: Collection[str]) -> list[str]:
    """Return the names of `fields`, and those of the keys that depend on them."""
    keys = {field.name for field in _list_keys(model) if not {*field.sources}.isdisjoint(fields)}
    return [*fields, *(keys - set(fields))]


class KeyedQuerySet(models.QuerySet[ModelT]):
    """Rows with keys."""

    def update(self, **values: Any) -> int:
        """Update the rows as Django does. Raises FieldError for a key or its source, also in `bulk_update()`."""
        if keys := [
            field.name for field in _list_keys(self.model) if not {field.name, *field.sources}.isdisjoint(values)
        ]:
            raise FieldError(f"update() cannot compute {', '.join(keys)}: save the rows.")
        return super().update(**values)

    def bulk_create(self, objs: Any, **options: Any) -> Any:  # type: ignore[override]  # its options by name only
        """Insert the rows as Django does; on conflict with `update_fields` and their keys."""
        if options.get("update_fields"):
            options["update_fields"] = _add_keys(self.model, options["update_fields"])
        return super().bulk_create(objs, **options)


class KeyedModel(models.Model):
    """A row with keys."""

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        """Save the row as Django does, the keys of `update_fields` included."""
        fields = options.get("update_fields")
        if fields is None and (deferred := self.get_deferred_fields()):
            fields = {field.attname for field in self._meta.concrete_fields if not field.primary_key} - deferred
        super().save(**options | {"update_fields": fields and _add_keys(type(self), fields)})
