"""The views of the OpenAPI document and the reference page."""

import json
import re

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt

from api import errors
from api.auth import api_view
from api.examples import SCHEMA_EXAMPLES
from api.openapi import JsonObject, build_openapi_document
from api.schemas import API_VERSIONS
from core.access import SAFE, Access, page
from core.guides import render_guide


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
@cache_control(public=True, max_age=300)
def openapi_document(request: HttpRequest) -> HttpResponse:
    return JsonResponse(build_openapi_document())


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
@cache_control(public=True, max_age=300)
def reference_page(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "api/reference.html",
        {"groups": _group_operations(build_openapi_document()), "version": API_VERSIONS[-1]},
    )


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
@cache_control(public=True, max_age=300)
def guide(request: HttpRequest) -> HttpResponse:
    """Return the guide of the web service, as text."""
    return render_guide("web-service")


@csrf_exempt
@api_view
def not_found(request: HttpRequest) -> HttpResponse:
    """Return the 404 of the API for unknown URLs below /v2."""
    return errors.render_exception(request, errors.build_not_found_error())


def _group_operations(found: JsonObject) -> dict[str, list[JsonObject]]:
    """Group the operations by tag, with their fields flattened for the page."""
    groups: dict[str, list[JsonObject]] = {}
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            body = _get_json_schema(operation.get("requestBody", {}))
            name = body.get("$ref", "").rpartition("/")[2]
            shown = operation | {
                "path": path,
                "method": method.upper(),
                "scope": ", ".join(operation["security"][0]["token"]),
                "right": operation["x-right"],
                "body": _flatten_fields(body, found),
                "example": json.dumps(SCHEMA_EXAMPLES[name], indent=2) if name in SCHEMA_EXAMPLES else "",
                "response": _list_content_fields(operation, found),
                "statuses": [int(status) for status in operation["responses"]],
            }
            groups.setdefault(operation["tags"][0], []).append(shown)
    return groups


def _get_json_schema(holder: JsonObject) -> JsonObject:
    found: JsonObject = holder.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _list_content_fields(operation: JsonObject, found: JsonObject) -> list[JsonObject]:
    """Return the fields of the successful response, without its envelope."""
    good = next(status for status in operation["responses"] if int(status) < 300)
    rows = _flatten_fields(_get_json_schema(operation["responses"][good]), found)
    inner = [row for row in rows if row["path"].startswith(("content", "_embedded"))]
    return [row | {"path": re.sub(r"^(content|_embedded\[\])\.?", "", row["path"])} for row in inner]


def _flatten_fields(schema: JsonObject, found: JsonObject, above: str = "") -> list[JsonObject]:
    """Flatten `schema` into one entry per field, with its path, type and limits."""
    if "$ref" in schema:
        schema = found["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for keyword in ("anyOf", "allOf"):
        if keyword in schema:
            known = [part for part in schema[keyword] if part.get("type") != "null"]
            return _flatten_fields(known[0] | {"or_null": len(known) < len(schema[keyword])}, found, above)
    kind = schema.get("type", "")
    if kind == "array":
        return _flatten_fields(schema["items"], found, f"{above}[]")
    if "properties" not in schema:
        return (
            [{"path": above, "kind": schema.get("format", kind), "limits": _describe_limits(schema)}] if above else []
        )
    below: list[JsonObject] = []
    for name, part in schema["properties"].items():
        below += _flatten_fields(part, found, f"{above}.{name}" if above else name)
    return below


def _describe_limits(schema: JsonObject) -> str:
    least = schema.get("minLength", schema.get("minimum"))
    most = schema.get("maxLength", schema.get("maximum"))
    choices = ", ".join(str(part) for part in schema.get("enum", []))
    between = f"{least}–{most}" if least and most else f"≤ {most}" if most else ""
    empty = "null" if schema.get("or_null") else ""
    return ", ".join(part for part in (between, choices, empty) if part)
