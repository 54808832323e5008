"""Columns that hold the key of another column, see `core.keys`."""

from typing import Any

from django.db import models

from core.keys import KeyFunction


class KeyField(models.TextField):  # type: ignore[type-arg]
    """The key of the text in the field `source`, computed by `compute` whenever the row is saved; null without text.

    `bulk_create()` computes it as well, `QuerySet.update()` does not.
    """

    def __init__(self, *, source: str, compute: KeyFunction, **kwargs: Any) -> None:
        self.source, self.compute = source, compute
        super().__init__(**({"editable": False} | kwargs))

    def deconstruct(self) -> Any:
        """Return the arguments for migrations."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"source": self.source, "compute": self.compute}

    def pre_save(self, model_instance: models.Model, add: bool) -> str | None:
        """Compute the key, set it on the instance and return it."""
        text = getattr(model_instance, self.source)
        key = None if text is None else self.compute(text)
        setattr(model_instance, self.attname, key)
        return key
