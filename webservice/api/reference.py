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
from django.views.decorators.http import require_safe

from signin.middleware import opens_before_factor, opens_while_enrolling
from teams.access import public, token
from webservice.api import faults
from webservice.api.envelopes import VERSIONS
from webservice.api.etags import IF_MATCH
from webservice.api.examples import EXAMPLES
from webservice.api.idempotency import KEY
from webservice.api.service import api
from webservice.scopes import API

_ABOUT = """The user administration of an office, for programs. Send `Authorization: Bearer …` with an access token and
`Accept: application/json;version=2018-01-01` with every call. How another user signs in (second factors, address,
login method, another address of an invitation) takes a token of a user who signed in with a second factor at most 5
minutes ago: else 403 with `proof_interactive`, `proof_recent_sign_in` or `proof_second_factor`.
The guide is `docs/reference/web-service.md`."""
_IF_MATCH = "The ETag that was read; when it is not the present one nothing is changed and the answer is 412."
_ONCE = "A name for this request, such as a UUID: the same request again within 24 hours gets the same answer."
_LIMITS = {
    "RateLimit-Limit": "How many calls this client may make for this user at once.",
    "RateLimit-Remaining": "How many are left.",
    "RateLimit-Reset": "In how many seconds all are back.",
}
Document = dict[str, Any]


@public
@opens_before_factor
@opens_while_enrolling
@cache_control(public=True, max_age=300)
@require_safe
def document(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document."""
    return JsonResponse(described())


@public
@opens_before_factor
@opens_while_enrolling
@cache_control(public=True, max_age=300)
@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    """Show every operation of the API."""
    return render(request, "api/reference.html", {"groups": _groups(described()), "version": VERSIONS[-1]})


@token
@opens_before_factor
@opens_while_enrolling
@csrf_exempt
def nothing_here(request: HttpRequest) -> HttpResponse:
    """Answer unknown URLs below /v2 with the 404 of the API."""
    return faults.answered(request, faults.not_found())


@cache
def described() -> Document:
    """Return the OpenAPI document, completed with what django-ninja does not know. Always in English."""
    found: Document = dict(api.get_openapi_schema(path_prefix="v2/"))
    found["info"]["description"] = _ABOUT
    with translation.override("en"):
        found["components"]["securitySchemes"] = {"token": _security()}
    for name, example in EXAMPLES.items():
        found["components"]["schemas"][name]["examples"] = [example]
    for methods in found["paths"].values():
        for method, operation in methods.items():
            operation["parameters"] += _headers(method)
            for response in operation["responses"].values():
                response["headers"] = {
                    name: {"description": text, "schema": {"type": "integer"}} for name, text in _LIMITS.items()
                }
    return found


def _security() -> Document:
    scopes = {scope.value: str(scope.label) for scope in API}
    code = {"authorizationUrl": "/oauth/authorize/", "tokenUrl": "/oauth/token/", "scopes": scopes}
    client = {"tokenUrl": "/oauth/token/", "scopes": scopes}
    return {"type": "oauth2", "flows": {"clientCredentials": client, "authorizationCode": code}}


def _headers(method: str) -> list[Document]:
    """Return the headers accepted by every operation with this method."""
    if method == "get":
        return []
    name, text, pattern = ("Idempotency-Key", _ONCE, KEY) if method == "post" else ("If-Match", _IF_MATCH, IF_MATCH)
    shape = {"type": "string", "pattern": f"^({pattern.pattern})$"}
    return [{"in": "header", "name": name, "required": False, "description": text, "schema": shape}]


def _groups(found: Document) -> dict[str, list[Document]]:
    """Group the operations by tag, with their fields flattened for the page."""
    groups: dict[str, list[Document]] = {}
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            body = _json(operation.get("requestBody", {}))
            name = body.get("$ref", "").rpartition("/")[2]
            shown = operation | {
                "path": path,
                "method": method.upper(),
                "scope": ", ".join(operation["security"][0]["token"]),
                "right": operation["x-right"],
                "body": _fields(body, found),
                "example": json.dumps(EXAMPLES[name], indent=2) if name in EXAMPLES else "",
                "answer": _content(operation, found),
                "statuses": [int(status) for status in operation["responses"]],
            }
            groups.setdefault(operation["tags"][0], []).append(shown)
    return groups


def _json(holder: Document) -> Document:
    found: Document = holder.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _content(operation: Document, found: Document) -> list[Document]:
    """Return the fields of the successful response, without its envelope."""
    good = next(status for status in operation["responses"] if status < 300)
    rows = _fields(_json(operation["responses"][good]), found)
    inner = [row for row in rows if row["path"].startswith(("content", "_embedded"))]
    return [row | {"path": re.sub(r"^(content|_embedded\[\])\.?", "", row["path"])} for row in inner]


def _fields(schema: Document, found: Document, above: str = "") -> list[Document]:
    """Flatten `schema` into one entry per field, with its path, type and limits."""
    if "$ref" in schema:
        schema = found["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for several in ("anyOf", "allOf"):
        if several in schema:
            known = [one for one in schema[several] if one.get("type") != "null"]
            return _fields(known[0] | {"or_null": len(known) < len(schema[several])}, found, above)
    kind = schema.get("type", "")
    if kind == "array":
        return _fields(schema["items"], found, f"{above}[]")
    if "properties" not in schema:
        return [{"path": above, "kind": schema.get("format", kind), "limits": _limits(schema)}] if above else []
    below: list[Document] = []
    for name, one in schema["properties"].items():
        below += _fields(one, found, f"{above}.{name}" if above else name)
    return below


def _limits(schema: Document) -> str:
    least = schema.get("minLength", schema.get("minimum"))
    most = schema.get("maxLength", schema.get("maximum"))
    choices = ", ".join(str(one) for one in schema.get("enum", []))
    between = f"{least}–{most}" if least and most else f"≤ {most}" if most else ""
    empty = "null" if schema.get("or_null") else ""
    return ", ".join(part for part in (between, choices, empty) if part)
