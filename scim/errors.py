"""Errors of the SCIM endpoint as JSON (RFC 7644 section 3.12). Plain, so that the error pages can use it as well."""

import json

from django.http import HttpResponse

CONTENT_TYPE = "application/scim+json"
ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
PREFIX = "/scim/"  # of the addresses of the endpoint


def render_error(status: int, detail: str, scim_type: str = "") -> HttpResponse:
    body = {"schemas": [ERROR_SCHEMA], "status": str(status), "detail": detail}
    if scim_type:
        body["scimType"] = scim_type
    return HttpResponse(json.dumps(body), content_type=CONTENT_TYPE, status=status)
