"""Addresses of the web service."""

from django.urls import URLPattern, path, re_path

from webservice.api.door import opened
from webservice.api.reference import document, nothing_here, reference
from webservice.api.service import api


def _opened(pattern: URLPattern) -> URLPattern:
    """Return an address of the interface with the mark of the web service: the one place that gives it."""
    pattern.callback = opened(pattern.callback)
    return pattern


_addresses, _app, _space = api.urls
app_name = "webservice"
urlpatterns = [
    path("v2/", reference, name="reference"),
    path("v2/openapi.json", document, name="document"),
    path("v2/", ([_opened(found) for found in _addresses if found.name != "api-root"], "ninja", "v2")),  # type: ignore[arg-type]
    re_path(r"^v2/.*$", nothing_here, name="nothing"),
]
