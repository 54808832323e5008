"""Sending people on to the address of a program, without being an open redirect for whatever an office registered."""

from urllib.parse import urlsplit

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from accounts.models import User
from webservice.models import Application


def is_trusted(request: HttpRequest, application: Application | None, address: str, *, silent: bool = False) -> bool:
    """Return whether a browser may be sent to `address` of `application` without its user seeing where to.

    RFC 9700 section 4.11.2: only to a redirect URI that is trusted, and, but for silent authentication, only after the
    user was authenticated. Trusted are the programs that the operator registered, those of the signed-in user's own
    office, and wherever the browser comes from by itself. A `silent` question (prompt=none, OpenID Connect Core section
    3.1.2.6) is answered too, as in a frame, unless the browser says that it would show a stranger another page.
    """
    if application is not None and application.provider_id is None:
        return True
    if application is not None and isinstance(request.user, User) and application.serves(request.user):
        return True
    if _origin(request.headers.get("Referer", "")) == _origin(address):
        return True
    return silent and request.headers.get("Sec-Fetch-Dest") != "document"


def _origin(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def leave(request: HttpRequest, address: str, *, trusted: bool, reason: str = "") -> HttpResponse:
    """Return the redirect to `address`, or where that is not trusted a page that names its host and has a link.

    `reason` is the error code of OAuth when the program asked for something that is refused.
    """
    if trusted:
        return HttpResponseRedirect(address)
    page = {"address": address, "host": urlsplit(address).netloc, "reason": reason}
    return render(request, "webservice/leave.html", page, status=400 if reason else 200)


def may_lead_to(address: str, request: HttpRequest, page: HttpResponse) -> HttpResponse:
    """Return `page`, of which the forms may lead to the host of `address`: browsers look at redirects after them too.

    Everywhere else a form leads to ourselves only.
    """
    parts = urlsplit(address)
    csp_update({"form-action": [f"{parts.scheme}://{parts.netloc}"]})(lambda _request: page)(request)
    return page
