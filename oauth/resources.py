"""Resource indicators (RFC 8707): for which resource a client wants a token."""

from collections.abc import Iterable

from django.conf import settings
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error, OAuth2Error


def list_own_resources() -> set[str]:
    """Return the identifiers of this site and its web service."""
    return {address + end for address in (settings.LOKET_URL, f"{settings.LOKET_URL}/v2") for end in ("", "/")}


def find_error(names: Iterable[str]) -> OAuth2Error | None:
    """Return the error for a request that names an unknown resource, None if all are known."""
    if set(names) <= list_own_resources():
        return None
    return CustomOAuth2Error(error="invalid_target", description="The resource is unknown.")
