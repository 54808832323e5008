"""Sending people on to the address of a program."""

from urllib.parse import urlsplit

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse


def may_lead_to(address: str, request: HttpRequest, page: HttpResponse) -> HttpResponse:
    """Return `page`, of which the forms may lead to the host of `address`: browsers look at redirects after them too.

    Everywhere else a form leads to ourselves only.
    """
    parts = urlsplit(address)
    csp_update({"form-action": [f"{parts.scheme}://{parts.netloc}"]})(lambda _request: page)(request)
    return page
