"""The OpenAPI document and the reference page."""

import json
import re
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt

from api import errors
from api.api import api
from api.auth import api_view
from api.etags import IF_MATCH_PATTERN
from api.examples import SCHEMA_EXAMPLES
from api.idempotency import KEY_PATTERN
from api.schemas import API_VERSIONS
from core.access import SAFE, Access, page
from oauth.scopes import API_SCOPES

_API_DESCRIPTION = """\
The user administration of an office, for programs. Send `Authorization: Bearer …` with an access token and
`Accept: application/json;version=2018-01-01` with every call. How another user signs in (second factors, address,
login method, another address of an invitation) takes a token of a user who signed in with a second factor at most 5
minutes ago: else 403 with `proof_interactive`, `proof_recent_sign_in` or `proof_second_factor`.
The guide is `docs/reference/web-service.md`."""
_IF_MATCH_DESCRIPTION = (
    "The ETag that was read; when it is not the present one nothing is changed and the answer is 412."
)
_IDEMPOTENCY_KEY_DESCRIPTION = (
    "A name for this request, such as a UUID: the same request again within 24 hours gets the same answer."
)
_RATE_LIMIT_DESCRIPTIONS = {
    "RateLimit-Policy": "How many calls this client may make for this user (q) within how many seconds (w).",
    "RateLimit": "How many calls are left (r), and in how many seconds all are back (t).",
}
JsonObject = dict[str, Any]


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
@cache_control(public=True, max_age=300)
def openapi_document(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document."""
    return JsonResponse(build_openapi_document())


@page(Access.PUBLIC, methods=SAFE, before_second_factor=True, during_enrollment=True)
@cache_control(public=True, max_age=300)
def reference_page(request: HttpRequest) -> HttpResponse:
    """Show every operation of the API."""
    return render(
        request,
        "api/reference.html",
        {"groups": _group_operations(build_openapi_document()), "version": API_VERSIONS[-1]},
    )


@csrf_exempt
@api_view
def not_found(request: HttpRequest) -> HttpResponse:
    """Answer unknown URLs below /v2 with the 404 of the API."""
    return errors.render_exception(request, errors.build_not_found_error())


@cache
def build_openapi_document() -> JsonObject:
    """Return the OpenAPI document, completed with what django-ninja does not know. Always in English."""
    found: JsonObject = dict(api.get_openapi_schema(path_prefix="v2/"))
    found["info"]["description"] = _API_DESCRIPTION
    with translation.override("en"):
        found["components"]["securitySchemes"] = {"token": _build_security_scheme()}
    for name, example in SCHEMA_EXAMPLES.items():
        found["components"]["schemas"][name]["examples"] = [example]
    for methods in found["paths"].values():
        for method, operation in methods.items():
            operation["parameters"] += _build_header_parameters(method)
            for response in operation["responses"].values():
                response["headers"] = {
                    name: {"description": text, "schema": {"type": "string"}}
                    for name, text in _RATE_LIMIT_DESCRIPTIONS.items()
                }
    return found


def _build_security_scheme() -> JsonObject:
    scopes = {scope.value: str(scope.label) for scope in API_SCOPES}
    code = {"authorizationUrl": "/oauth/authorize/", "tokenUrl": "/oauth/token/", "scopes": scopes}
    client = {"tokenUrl": "/oauth/token/", "scopes": scopes}
    return {"type": "oauth2", "flows": {"clientCredentials": client, "authorizationCode": code}}


def _build_header_parameters(method: str) -> list[JsonObject]:
    """Return the headers accepted by every operation with this method."""
    if method == "get":
        return []
    name, text, pattern = (
        ("Idempotency-Key", _IDEMPOTENCY_KEY_DESCRIPTION, KEY_PATTERN)
        if method == "post"
        else ("If-Match", _IF_MATCH_DESCRIPTION, IF_MATCH_PATTERN)
    )
    shape = {"type": "string", "pattern": f"^({pattern.pattern})$"}
    return [{"in": "header", "name": name, "required": False, "description": text, "schema": shape}]


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
                "answer": _list_content_fields(operation, found),
                "statuses": [int(status) for status in operation["responses"]],
            }
            groups.setdefault(operation["tags"][0], []).append(shown)
    return groups


def _get_json_schema(holder: JsonObject) -> JsonObject:
    found: JsonObject = holder.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _list_content_fields(operation: JsonObject, found: JsonObject) -> list[JsonObject]:
    """Return the fields of the successful response, without its envelope."""
    good = next(status for status in operation["responses"] if status < 300)
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
