"""Redirects to the URIs of applications, without acting as an open redirector for URIs that offices register."""

from urllib.parse import urlsplit

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from accounts.models import User
from oauth.models import Application


def is_trusted_redirect(
    request: HttpRequest, application: Application | None, address: str, *, silent: bool = False
) -> bool:
    """Return whether the browser may be redirected to `address` of `application` without showing the target first.

    RFC 9700 section 4.11.2: redirect only to a trusted URI and, except for silent authentication, only after the user
    was authenticated. Trusted targets are applications registered by the operator, applications of the signed-in user's
    office, and the origin the browser came from. A `silent` request (prompt=none, OpenID Connect Core section 3.1.2.6)
    is answered too, as in a frame, unless the browser reports that it is a top-level navigation.
    """
    if application is not None and application.provider_id is None:
        return True
    if application is not None and isinstance(request.user, User) and application.is_available_to(request.user):
        return True
    if _get_origin(request.headers.get("Referer", "")) == _get_origin(address):
        return True
    return silent and request.headers.get("Sec-Fetch-Dest") != "document"


def _get_origin(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def redirect_to_application(request: HttpRequest, address: str, *, trusted: bool, reason: str = "") -> HttpResponse:
    """Redirect to `address` if trusted, else render a page that names its host and links to it.

    `reason` is the OAuth error code if the request was rejected.
    """
    if trusted:
        return HttpResponseRedirect(address)
    page = {"address": address, "host": urlsplit(address).netloc, "reason": reason}
    return render(request, "oauth/external_redirect.html", page, status=400 if reason else 200)


def allow_form_redirect(address: str, request: HttpRequest, page: HttpResponse) -> HttpResponse:
    """Extend the CSP of `page` so that its forms may redirect to the host of `address`; elsewhere only to this site.

    Browsers also apply form-action to redirects after a submission.
    """
    parts = urlsplit(address)
    csp_update({"form-action": [f"{parts.scheme}://{parts.netloc}"]})(lambda _request: page)(request)
    return page
