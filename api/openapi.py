"""The OpenAPI document: what django-ninja generates, completed with what it does not know. Always in English."""

import json
import re
from functools import cache
from typing import Any

from django.conf import settings
from django.utils import translation

from api.api import api
from api.etags import IF_MATCH_PATTERN
from api.examples import SCHEMA_EXAMPLES, build_example
from api.idempotency import KEY_PATTERN
from api.message_codes import MESSAGE_CODES, OTHER_MESSAGE_CODE
from api.schemas import API_VERSIONS, JSON_CONTENT_TYPE
from oauth.scopes import API_SCOPES

JsonObject = dict[str, Any]
_API_DESCRIPTION = """\
User administration of an accountancy office, for integrations. Send `Authorization: Bearer …` with an access token and
`Accept: application/json;version=2018-01-01` with every call. Changing how another user signs in (second factor,
e-mail address, login method, another address for an invitation) requires a token of a user who signed in with a second
factor at most 5 minutes ago; otherwise the response is 403 with the reason `proof_interactive`, `proof_recent_sign_in`
or `proof_second_factor`. The guide is at `/v2/guide/`."""
_TAGS = {
    "own": "The user of the token.",
    "users": "Users of the office, and their integrations.",
    "tenants": "Microsoft tenants of the office, and the Microsoft account of a user.",
    "authorizations": "Individual and effective rights of a user.",
    "sets and texts": "Authorization sets and e-mail templates.",
    "signals": "Notification sets, and the notifications of a user.",
    "teams": "Teams, with their members, employers and rights.",
    "employers": "Clients of the office.",
    "duties": "Segregation of duties: rules, conflicts and exceptions.",
    "history": "Signed checkpoints of the audit log.",
    "reviews": "Access reviews, and the decisions of reviewers.",
    "portals": "Sign-in links, and the integrations of the token's user.",
}
_ACCEPT = f"{JSON_CONTENT_TYPE};version={API_VERSIONS[-1]}"
_HEADERS = {
    "RateLimit-Policy": "How many calls this client may make for this user (q) within how many seconds (w).",
    "RateLimit": "How many calls are left (r), and in how many seconds all are back (t).",
    "Retry-After": "In how many seconds to try again.",
    "WWW-Authenticate": "Why the token is refused (RFC 6750), or which sign-in it lacks (RFC 9470).",
    "ETag": "The version of what was read, for If-Match and If-None-Match.",
}
_IF_MATCH_DESCRIPTION = "The ETag that was read. If it is no longer current, nothing changes and the response is 412."
_IDEMPOTENCY_KEY_DESCRIPTION = (
    "A name for this request, such as a UUID. The same request again within 24 hours gets the same response."
)
_ENVELOPE_PATTERN = re.compile(r"(Paged|)(Item|List)Response_(?:Union_)?(\w+?)(?:__NoneType_)?_")


def build_openapi_document() -> JsonObject:
    """Return the OpenAPI document, with the addresses of this installation."""
    guide = {"description": "Guide, with examples", "url": f"{settings.LOKET_URL}/v2/guide/"}
    return _build_document() | {"servers": [{"url": settings.LOKET_URL}], "externalDocs": guide}


@cache
def _build_document() -> JsonObject:
    document: JsonObject = json.loads(
        _ENVELOPE_PATTERN.sub(r"\3\1\2", json.dumps(api.get_openapi_schema(path_prefix="v2/"), default=str))
    )
    document["info"] |= {"description": _API_DESCRIPTION, "contact": {"name": "Loket"}}
    document["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
    components = document["components"]
    del components["schemas"]["ListQuery"]  # its fields are parameters
    with translation.override("en"):
        components["securitySchemes"] = {"token": _build_security_scheme()}
    components["headers"] = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
    }
    for name, schema in components["schemas"].items():
        schema["title"] = name
    for name, example in SCHEMA_EXAMPLES.items():
        components["schemas"][name]["examples"] = [example]
    codes = ", ".join(f"{code} {reason}" for reason, code in MESSAGE_CODES.items())
    components["schemas"]["ApiMessage"]["properties"]["code"]["description"] = (
        f"The number of `reason`: {codes}, {OTHER_MESSAGE_CODE} any other."
    )
    for methods in document["paths"].values():
        for method, operation in methods.items():
            _complete_operation(operation, method, components)
    return document


def _complete_operation(operation: JsonObject, method: str, components: JsonObject) -> None:
    """Add headers, the fields of a filter, and an example of each response."""
    operation["parameters"] += _build_header_parameters(method)
    fields = operation["x-fields"]
    for parameter in operation["parameters"]:
        parameter["schema"].pop("title", None)
        if parameter["name"] in ("filter", "orderBy") and fields:
            named = ", ".join(f"`{name}` ({type_})" for name, type_ in fields.items())
            parameter["description"] += f" Fields: {named}."
    for status, response in operation["responses"].items():
        names = ["RateLimit-Policy", "RateLimit"]
        names += {"401": ["WWW-Authenticate"], "403": ["WWW-Authenticate"], "429": ["Retry-After"]}.get(status, [])
        names += ["ETag"] if status < "300" and "filter" not in {one["name"] for one in operation["parameters"]} else []
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        content = response["content"]["application/json"]
        content["example"] = build_example(content["schema"], components["schemas"])


def _build_security_scheme() -> JsonObject:
    scopes = {scope.value: str(scope.label) for scope in API_SCOPES}
    token = f"{settings.LOKET_URL}/oauth/token/"
    code = {
        "authorizationUrl": f"{settings.LOKET_URL}/oauth/authorize/",
        "tokenUrl": token,
        "refreshUrl": token,
        "scopes": scopes,
    }
    flows = {"clientCredentials": {"tokenUrl": token, "scopes": scopes}, "authorizationCode": code}
    return {"type": "oauth2", "flows": flows}


def _build_header_parameters(method: str) -> list[JsonObject]:
    """Return the headers accepted by every operation with this method."""
    accept = {"type": "string", "default": _ACCEPT}
    text = "The type and version of the response; the version on or before that date is used."
    found = [{"in": "header", "name": "Accept", "required": True, "description": text, "schema": accept}]
    languages = {"type": "string", "default": "nl"}
    text = "The language of texts in the response: Dutch, or English for `en`."
    found.append(
        {"in": "header", "name": "Accept-Language", "required": False, "description": text, "schema": languages}
    )
    if method == "get":
        return found
    name, text, pattern = (
        ("Idempotency-Key", _IDEMPOTENCY_KEY_DESCRIPTION, KEY_PATTERN)
        if method == "post"
        else ("If-Match", _IF_MATCH_DESCRIPTION, IF_MATCH_PATTERN)
    )
    shape = {"type": "string", "pattern": f"^({pattern.pattern})$"}
    return [*found, {"in": "header", "name": name, "required": False, "description": text, "schema": shape}]
