"""URLs below `/v2/`: the REST API, its OpenAPI document and its reference page."""

from typing import cast

from django.urls import URLPattern, include, path, re_path

from api.api import api
from api.auth import api_view
from api.reference import guide, not_found, openapi_document, reference_page


def _build_operation_patterns() -> list[URLPattern]:
    """Return the URL patterns of the operations, each view marked as an API view here and nowhere else."""
    found = [pattern for pattern in cast(list[URLPattern], api.urls[0]) if pattern.name != "api-root"]
    for pattern in found:
        pattern.callback = api_view(pattern.callback)
    return found


app_name = "v2"
urlpatterns = [
    path("", reference_page, name="reference"),
    path("guide/", guide, name="guide"),
    path("openapi.json", openapi_document, name="openapi_document"),
    path("", include((_build_operation_patterns(), "interface"))),
    re_path(r"^[\s\S]*$", not_found, name="not_found"),
]
