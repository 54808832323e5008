"""URLs of the REST API `/v2`, its OpenAPI document and its reference page."""

from typing import cast

from django.urls import URLPattern, include, path, re_path

from webservice.api.door import opened
from webservice.api.reference import document, nothing_here, reference
from webservice.api.service import api


def _interface() -> list[URLPattern]:
    """Return the URL patterns of the operations, each view marked as an API view here and nowhere else."""
    found = [pattern for pattern in cast(list[URLPattern], api.urls[0]) if pattern.name != "api-root"]
    for pattern in found:
        pattern.callback = opened(pattern.callback)
    return found


app_name = "v2"
urlpatterns = [
    path("v2/", reference, name="reference"),
    path("v2/openapi.json", document, name="document"),
    path("v2/", include((_interface(), "interface"))),
    re_path(r"^v2/[\s\S]*$", nothing_here, name="nothing"),
]
