"""Reading schemas of the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def resolve(schema: Schema, schemas: dict[str, Schema]) -> tuple[Schema, bool]:
    """Return the schema behind references, and whether null is allowed too."""
    if "$ref" in schema:
        return resolve(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    variants = [variant for variant in schema.get("anyOf", ()) if variant.get("type") != "null"]
    if not variants:
        return schema, schema.get("type") == "null"
    return resolve(variants[0], schemas)[0], len(variants) < len(schema["anyOf"])


def list_scalars(schema: Schema, schemas: dict[str, Schema], path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield the path and schema of each field that is not an object or a list, also within objects."""
    found, _nullable = resolve(schema, schemas)
    if found.get("type") == "object":
        for name, member in found.get("properties", {}).items():
            yield from list_scalars(member, schemas, f"{path}.{name}".lstrip("."))
    elif found.get("type") != "array":
        yield path, found
