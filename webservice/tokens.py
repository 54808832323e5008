"""Who calls: the person and the program behind an access token, checked anew at every call."""

from dataclasses import dataclass

from django.http import HttpRequest

from accounts.models import User
from loket import sealing
from signin.factors import must_enrol
from webservice.models import AccessToken, Application


@dataclass(frozen=True)
class Caller:
    """For whom a program calls, and what it may ask for; what the person may is another question (`teams.rights`)."""

    user: User
    application: Application
    scopes: frozenset[str]


def bearer(request: HttpRequest) -> Caller | None:
    """Return who calls with `Authorization: Bearer …`, None when the token opens nothing, whatever is wrong with it.

    A token counts in that header only, never in the address or the body (RFC 9700).
    """
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    found = find(token.strip()) if kind.lower() == "bearer" else None
    if found is None:
        return None
    return Caller(found.user, found.application, frozenset(found.working_scopes))


def find(token: str) -> AccessToken | None:
    """Return the access token that opens something now: one query, two for a website user without second factor."""
    rows = AccessToken.objects.select_related("user__provider", "application")
    found: AccessToken | None = rows.filter(token_checksum=sealing.token_hash(token)).first()
    if found is None or found.is_expired() or not found.is_of(found.user):
        return None
    may_use = found.application.is_usable() and found.application.serves(found.user)
    return found if may_use and may_call(found.user) else None


def may_call(user: User) -> bool:
    """Return whether programs may act for `user` at all: he could come in himself, and misses no second factor."""
    return user.may_sign_in and not must_enrol(user)
