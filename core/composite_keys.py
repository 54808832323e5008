"""Foreign keys over two columns, with which PostgreSQL refuses a row that connects two offices (rule 1).

Declared in `Meta.constraints`, so that `makemigrations` writes them. In a table that is in use, put the `AddConstraint`
in a `SeparateDatabaseAndState` with SQL that adds the key NOT VALID, and validate it in a later migration.
"""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, models
from django.db.backends.ddl_references import Columns, Statement, Table
from django.db.models.constants import LOOKUP_SEP


class CompositeForeignKey(models.BaseConstraint):
    """Reference `to_fields` of the model that the first of `fields`, a ForeignKey, points at.

    It exists next to the key of that field and is also checked at commit. A row with NULL in one of `fields` refers to
    nothing. `to_fields` need a unique constraint in their model.
    """

    def __init__(self, *, fields: Sequence[str], to_fields: Sequence[str], name: str, **options: Any) -> None:
        if len(fields) != len(to_fields) or len(fields) < 2:
            raise ValueError("A composite foreign key refers with two fields or more to as many.")
        self.fields, self.to_fields = tuple(fields), tuple(to_fields)
        super().__init__(name=name, **options)

    def constraint_sql(self, model: Any, schema_editor: Any) -> Any:
        """Return nothing for CREATE TABLE: the key is added at the end, once the referenced table exists."""
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))

    def create_sql(self, model: Any, schema_editor: Any) -> Any:
        quote, table = schema_editor.quote_name, model._meta.db_table
        parent = self._parent(model)._meta
        return Statement(
            schema_editor.sql_create_fk,
            table=Table(table, quote),
            name=quote(self.name),
            column=Columns(table, [model._meta.get_field(name).column for name in self.fields], quote),
            to_table=Table(parent.db_table, quote),
            to_column=Columns(parent.db_table, [parent.get_field(name).column for name in self.to_fields], quote),
            deferrable=schema_editor.connection.ops.deferrable_sql(),
        )

    def remove_sql(self, model: Any, schema_editor: Any) -> Any:
        return schema_editor._delete_constraint_sql(schema_editor.sql_delete_fk, model, self.name)

    def validate(
        self, model: type[models.Model], instance: models.Model, exclude: set[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:  # fmt: skip
        """Raise ValidationError unless the row that `instance` refers to exists.

        Skipped if a form lacks one of the fields, as with Django's own constraints, or if the database computes one of
        them: the key itself is then checked.
        """
        fields: list[Any] = [model._meta.get_field(name) for name in self.fields]
        if any(field.generated or field.name in (exclude or ()) for field in fields):
            return
        values = [getattr(instance, field.attname) for field in fields]
        lookups = {f"{name}{LOOKUP_SEP}exact": value for name, value in zip(self.to_fields, values, strict=True)}
        if None not in values and not self._parent(model)._base_manager.using(using).filter(**lookups).exists():
            raise ValidationError(self.get_violation_error_message(), code=self.violation_error_code)

    def _check(self, model: Any, connection: Any) -> list[CheckMessage]:
        """Return the errors in the declaration, for Django's system checks."""
        missing: list[CheckMessage] = model._check_local_fields(self.fields, "constraints")
        if missing:
            return missing
        parent = self._parent(model)
        if any(set(unique.fields) == set(self.to_fields) for unique in parent._meta.total_unique_constraints):
            return []
        to_fields = ", ".join(self.to_fields)
        text = f"“{self.name}” refers to ({to_fields}), and no unique constraint of {parent.__name__} is over these."
        return [Error(text, obj=model, id="loket.E001")]

    def _parent(self, model: Any) -> Any:
        return model._meta.get_field(self.fields[0]).remote_field.model

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, arguments, options = super().deconstruct()
        return path, arguments, {"fields": self.fields, "to_fields": self.to_fields} | options

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CompositeForeignKey):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash((self.fields, self.to_fields, self.name))

    def __repr__(self) -> str:
        fields, to_fields = ", ".join(self.fields), ", ".join(self.to_fields)
        return f"<{type(self).__name__}: ({fields}) to ({to_fields}) name={self.name!r}>"


class SameOfficeForeignKey(CompositeForeignKey):
    """Let `field` refer only to a row of the same office."""

    def __init__(self, field: str, *, name: str = "", **options: Any) -> None:
        name = name or f"%(app_label)s_%(class)s_{field}_id_same_office"
        super().__init__(fields=(field, "provider"), to_fields=("id", "provider"), name=name, **options)

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        path, _arguments, options = super().deconstruct()
        del options["fields"], options["to_fields"]
        return path, (self.fields[0],), options
