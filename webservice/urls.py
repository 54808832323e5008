"""Addresses of the web service."""

from typing import cast

from django.urls import URLPattern, path, re_path

from webservice.api.door import opened
from webservice.api.reference import document, nothing_here, reference
from webservice.api.service import api
from webservice.views import sso


def _interface() -> list[URLPattern]:
    """Return the addresses of the interface with the mark of the web service: the one place that gives it."""
    found = [pattern for pattern in cast(list[URLPattern], api.urls[0]) if pattern.name != "api-root"]
    for pattern in found:
        pattern.callback = opened(pattern.callback)
    return found


app_name = "webservice"
urlpatterns = [
    path("sso/<str:ticket>/", sso.sso, name="sso"),
    path("v2/", reference, name="reference"),
    path("v2/openapi.json", document, name="document"),
    path("v2/", (_interface(), "v2", "v2")),
    re_path(r"^v2/.*$", nothing_here, name="nothing"),
]
