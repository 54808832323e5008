"""Resource indicators (RFC 8707): for which resource servers a client wants a token."""

from collections.abc import Collection
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error, OAuth2Error

from oauth.models import Application


def list_own_resources() -> set[str]:
    """Return the identifiers of this site and its web service."""
    return {address + end for address in (settings.LOKET_URL, f"{settings.LOKET_URL}/v2") for end in ("", "/")}


def includes_this_site(audience: Collection[str]) -> bool:
    """Return whether a token for these resources, all if none are named, is accepted here."""
    return not audience or bool(list_own_resources() & set(audience))


def find_error(names: Collection[str], provider_id: UUID | None) -> OAuth2Error | None:
    """Return the error for a request that names an unknown resource, None if all are known.

    A client of an office knows the resource servers of that office and of partners, and one of a partner (None) only
    those of partners.
    """
    others = {name for name in names if name and "\x00" not in name} - list_own_resources()
    if set(names) <= list_own_resources():
        return None
    servers = Application.objects.filter(Q(provider=None) | Q(provider=provider_id), switched_off_at=None)
    if set(names) <= list_own_resources() | set(servers.filter(resource__in=others).values_list("resource", flat=True)):
        return None
    return CustomOAuth2Error(error="invalid_target", description="The resource is unknown.")
