"""Reading schemas of the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def list_variants(schema: Schema, schemas: dict[str, Schema]) -> list[Schema]:
    """Return the alternatives of a schema, of which one can be null, behind references."""
    if "$ref" in schema:
        return list_variants(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return [found for variant in schema["anyOf"] for found in list_variants(variant, schemas)]
    return [schema]


def resolve(schema: Schema, schemas: dict[str, Schema]) -> Schema:
    """Return the schema of what is not null."""
    variants = list_variants(schema, schemas)
    return next((variant for variant in variants if variant.get("type") != "null"), variants[0])


def list_scalars(schema: Schema, schemas: dict[str, Schema], path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield the path and schema of each field that is not an object or a list, also within objects."""
    found = resolve(schema, schemas)
    if found.get("type") == "object":
        for name, member in found.get("properties", {}).items():
            yield from list_scalars(member, schemas, f"{path}.{name}".lstrip("."))
    elif found.get("type") != "array":
        yield path, found
