"""The page to open after signing in (`next`)."""

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from authentication.rate_limits import LONG_URL_LIMIT
from core import encryption, throttle
from core.client_address import get_client_address
from core.throttle import Throttled

LONG_URLS_KEY = "long_urls"  # in the session
_MAX_URL_LENGTH = 2000  # that links and the cookie of a flow at Microsoft can carry
_MAX_LONG_URL_LENGTH, _MAX_LONG_URLS = 5000, 5  # OAuth authorization requests; servers take 8 KB, encoded once more


def get_next_url(request: HttpRequest) -> str:
    """Return the address in `next` if it is on this site, else the home page.

    The session keeps a long one under a short address, until the user has signed in.
    """
    target = request.POST.get("next") or request.GET.get("next", "")
    beginning = target[:_MAX_URL_LENGTH]  # with scheme and host; Django refuses more than 2,048 characters
    is_ours = url_has_allowed_host_and_scheme(
        beginning, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    if not (is_ours and target.startswith("/") and len(target) <= _MAX_LONG_URL_LENGTH):
        return reverse("home")
    return target if len(target) <= _MAX_URL_LENGTH else _shorten_url(request, target)


def _shorten_url(request: HttpRequest, url: str) -> str:
    urls, name = request.session.get(LONG_URLS_KEY, {}), encryption.hash_token(url)[:16]
    if name not in urls:
        try:  # it may make a session, and nobody is signed in
            throttle.consume_attempt(LONG_URL_LIMIT, throttle.build_network_key(get_client_address(request)))
        except Throttled:
            return reverse("home")
        request.session[LONG_URLS_KEY] = dict([*urls.items(), (name, url)][-_MAX_LONG_URLS:])
    return reverse("authentication:long_url", args=[name])


def get_long_url(request: HttpRequest, name: str) -> str:
    """Return the address that this session keeps as `name`, else the home page."""
    url: str = request.session.get(LONG_URLS_KEY, {}).get(name) or reverse("home")
    return url
