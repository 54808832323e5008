"""Redirects to the URIs of applications, without acting as an open redirector for URIs that offices register."""

from contextlib import suppress
from urllib.parse import parse_qsl, quote, urlsplit

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from oauth2_provider.http import OAuth2ResponseRedirect

from accounts.models import User
from oauth.models import Application

_MAX_QUERY_LENGTH = 6000  # characters
_WEB_SCHEMES = ("https", "http", "")


def is_trusted_redirect(
    request: HttpRequest, application: Application | None, address: str, *, silent: bool = False
) -> bool:
    """Return whether the browser may be redirected to `address` of `application` without showing the target first.

    RFC 9700 section 4.11.2: redirect only to a trusted URI and, except for silent authentication, only after the user
    was authenticated. Trusted targets are applications registered by the operator, applications of the signed-in user's
    office, and the origin the browser came from. A `silent` request (prompt=none, OpenID Connect Core section 3.1.2.6)
    never shows a page.
    """
    if application is not None and application.provider_id is None:
        return True
    if application is not None and isinstance(request.user, User) and application.serves_office_of(request.user):
        return True
    return silent or _get_origin(request.headers.get("Referer", "")) == _get_origin(address)


def _get_origin(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


def redirect_as_get(address: str, parameters: QueryDict) -> HttpResponse:
    """Repeat a POST of another site as a GET: browsers send no session cookie with the POST.

    Parameters that are too long for an address are left out, and the address says that they are missing.
    """
    query = parameters.urlencode()
    return HttpResponseRedirect(f"{address}?{query if len(query) <= _MAX_QUERY_LENGTH else ''}", status=303)


def redirect_to(address: str) -> HttpResponse:
    """Redirect to a registered URI, which may have the private-use scheme of an app."""
    response: HttpResponse = OAuth2ResponseRedirect(address, [urlsplit(address).scheme])
    return response


def render_continue(request: HttpRequest, application: Application, address: str) -> HttpResponse:
    """Return to the application at the end of what may be the submission of a form.

    Browsers apply the CSP of the page with the form to every redirect that follows, also to those of the application,
    so a page goes on by itself. A form may redirect to an app, which needs what the user just did to be opened.
    """
    if request.method == "POST" and urlsplit(address).scheme not in _WEB_SCHEMES:
        return redirect_to(address)
    return render(request, "oauth/continue.html", {"address": address, "application": application})


def get_target_name(address: str) -> str:
    """Return the host of `address`, or the scheme of an app, for users."""
    parts = urlsplit(address)
    return parts.netloc if parts.scheme in _WEB_SCHEMES else f"{parts.scheme}:"


def redirect_to_application(
    request: HttpRequest, address: str, *, trusted: bool, reason: str = "", form_target: str | None = None
) -> HttpResponse:
    """Redirect to `address` if trusted, else render a page that names its host and links to it.

    `reason` is the OAuth error code if the request was rejected. With `form_target`, the redirect URI, the response is
    posted there.
    """
    if trusted and form_target is not None:
        return render_form_post(request, address, form_target)
    if trusted:
        return redirect_to(address)
    page: dict[str, object] = {"address": address, "host": get_target_name(address), "reason": reason}
    status = 400 if reason else 200
    if form_target is None:
        return render(request, "oauth/external_redirect.html", page, status=status)
    page |= {"form_target": form_target, "fields": _list_response_fields(address, form_target)}
    return allow_form_redirect(
        form_target, request, render(request, "oauth/external_redirect.html", page, status=status)
    )


def render_form_post(request: HttpRequest, address: str, redirect_uri: str) -> HttpResponse:
    """Render a page that posts the response in the query of `address` (OAuth 2.0 Form Post Response Mode)."""
    context = {"form_target": redirect_uri, "fields": _list_response_fields(address, redirect_uri)}
    return allow_form_redirect(redirect_uri, request, render(request, "oauth/form_post.html", context))


def _list_response_fields(address: str, redirect_uri: str) -> list[tuple[str, str]]:
    """Return the parameters that `address` has in addition to `redirect_uri`."""
    pairs = parse_qsl(urlsplit(address).query, keep_blank_values=True)
    for pair in parse_qsl(urlsplit(redirect_uri).query, keep_blank_values=True):
        with suppress(ValueError):
            pairs.remove(pair)
    return pairs


def allow_form_redirect(address: str, request: HttpRequest, page: HttpResponse) -> HttpResponse:
    """Extend the CSP of `page` so that its forms may lead to `address`, without its query; elsewhere only to this site.

    Browsers also apply form-action to redirects after a submission.
    """
    parts = urlsplit(address)
    path = quote(parts.path, safe="/%:@!$&'()*+=~")  # a comma or semicolon would end the source (CSP section 2.3.1)
    source = f"{parts.scheme}://{parts.netloc}{path}" if parts.scheme in _WEB_SCHEMES else f"{parts.scheme}:"
    csp_update({"form-action": [source]})(lambda _request: page)(request)
    return page
