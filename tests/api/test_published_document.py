"""The OpenAPI document against the published API: each difference is decided in the decision record."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from api.openapi import build_openapi_document
from tests.api.published_shapes import MESSAGES, OPERATIONS, PAGING, SHAPES, VERSION
from tests.helpers.openapi_schemas import Schema, list_variants

ADR = (Path(__file__).parents[2] / "docs" / "adr" / "0007-rest-conventions.md").read_text()
PAGE_PARAMETERS = {"pageNumber", "pageSize"}
LIST_PARAMETERS = {"FILTERED": {"filter", "orderBy"} | PAGE_PARAMETERS, "LIST": PAGE_PARAMETERS}
# Each difference (patterns), with the beginning of the row of the decision record about it.
DECIDED = {
    "address, contact and settings of an employer": [
        "EMPLOYER.address.* can be null",
        "EMPLOYER.providerSettings.sendEmailWhenSalarySlipIsAvailable can be null",
        "WORKPLACE.address.* can be null",
        "sent EMPLOYER.address is not of type object",
        "sent EMPLOYER.branch is not of type object",
        "sent EMPLOYER.chamberOfCommerceNumber is not of type string",
        "sent EMPLOYER.contact is not of type object",
        "sent EMPLOYER.contactInformation is not of type object",
        "sent EMPLOYER.deviatingPostalAddress is not of type object",
        "sent EMPLOYER.legalForm is not of type object",
        "sent EMPLOYER.providerSettings is not of type object",
        "sent EMPLOYER.sbi is not of type object",
    ],
    "blocking one integration of a user": ["put /providers/users/{user_id}/integrations/{application_id} is missing"],
    "details of the caller beyond the scopes of the token": ["SELF.contactInformation.* can be missing"],
    "`personalDetails` and `contactInformation` in a PUT of `/user`": [
        "sent SELF.personalDetails cannot be null",
        "sent SELF.contactInformation cannot be null",
    ],
    "a notification without its type in a PATCH": ["sent SIGNALS.notifications.notificationType cannot be null"],
    "roles": [
        "sent SELF.user.userSpecifiedRole is not of type object",
        "sent SELF.user.userCustomSpecifiedRole is not of type string",
        "sent USER.userSpecifiedRole is not of type object",
        "sent USER.userCustomSpecifiedRole is not of type string",
    ],
    "short lists (rights, notifications, templates, metadata)": [
        "get /providers/users/{user_id}/authorizations does not take filter, orderBy",
        "get /providers/users/{user_id}/notificationsettings does not take filter, orderBy",
        "get /providers/{provider_id}/emailtemplates does not take filter, orderBy",
    ],
}


def compare(shape: Any, schema: Schema, schemas: dict[str, Schema], path: str, *, is_sent: bool) -> Iterator[str]:
    """Yield the path of each part of `schema` that does not do what is published, and how."""
    variants = [variant for variant in list_variants(schema, schemas) if variant.get("type") != "null"]
    if not variants:  # always null; whether it may be is compared by `compare_member`
        return
    wanted = "object" if isinstance(shape, dict) else "array" if isinstance(shape, list) else shape.split(" ")[0]
    found = [variant for variant in variants if wanted in (variant.get("format"), variant.get("type"))]
    if not found:
        yield f"{path} is not of type {wanted}"
    elif isinstance(shape, list):
        yield from compare(shape[0], found[0]["items"], schemas, path, is_sent=is_sent)
    elif isinstance(shape, dict):
        for name, part in shape.items():
            yield from compare_member(name, part, found[0], schemas, path, is_sent=is_sent)
    elif is_sent and not any(allows_bounds(shape, variant) for variant in found):
        yield f"{path} has narrower bounds"


def compare_member(
    name: str, shape: Any, owner: Schema, schemas: dict[str, Schema], path: str, *, is_sent: bool
) -> Iterator[str]:
    """Compare a member of an object. What is sent and read-only is ignored, whatever it is."""
    plain, nullable = name.removesuffix("?"), name.endswith("?")
    path, schema = f"{path}.{plain}", owner.get("properties", {}).get(plain)
    if schema is None:
        yield f"{path} is missing"
        return
    if is_sent and schema.get("readOnly"):
        return
    if not is_sent and plain not in owner.get("required", ()):
        yield f"{path} can be missing"
    allows_null = any(variant.get("type", "null") == "null" for variant in list_variants(schema, schemas))
    if allows_null is not nullable and nullable is is_sent:
        yield f"{path} {'cannot' if is_sent else 'can'} be null"
    yield from compare(shape, schema, schemas, path, is_sent=is_sent)


def allows_bounds(shape: str, variant: Schema) -> bool:
    """Return whether all that is published for this field may be sent."""
    low, high = (re.findall(r" (\d*)\.\.(\d+)", shape) or [("", "")])[0]
    minimum = variant.get("minLength", variant.get("minimum", 0))
    maximum = variant.get("maxLength", variant.get("maximum"))
    return (not low or minimum <= int(low)) and (not high or maximum is None or maximum >= int(high))


def build_envelope(kind: str, answer: str) -> dict[str, Any]:
    envelope = {"version": VERSION, "messages": MESSAGES}
    if kind in ("ONE", "PAGED"):
        content = {"content" + answer[len(answer.rstrip("?")) :]: SHAPES[answer.rstrip("?")]}
        return (PAGING if kind == "PAGED" else {}) | envelope | content
    return ({} if kind == "UNPAGED" else PAGING) | envelope | {"_embedded": [SHAPES[answer]]}


def list_differences() -> Iterator[str]:
    document = build_openapi_document()
    schemas = document["components"]["schemas"]
    for method, path, status, kind, answer, body in OPERATIONS:
        operation = document["paths"].get(f"/v2{path}", {}).get(method)
        if operation is None:
            yield f"{method} {path} is missing"
            continue
        if str(status) not in operation["responses"]:
            yield f"{method} {path} does not answer {status}"
            continue
        if missing := LIST_PARAMETERS.get(kind, set()) - {one["name"] for one in operation["parameters"]}:
            yield f"{method} {path} does not take {', '.join(sorted(missing))}"
        schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        for text in compare(build_envelope(kind, answer), schema, schemas, answer, is_sent=False):
            yield text.replace("._embedded", "").replace(".content.", ".")
        if body is not None:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            yield from compare(SHAPES[body], schema, schemas, f"sent {body}", is_sent=True)


def test_each_difference_from_the_published_api_is_decided() -> None:
    differences = set(list_differences())
    patterns = [pattern for row in DECIDED.values() for pattern in row]
    assert [text for text in sorted(differences) if not any(fnmatchcase(text, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(text, pattern) for text in differences)] == []
    assert [row for row in DECIDED if f"\n| {row} |" not in ADR] == []
