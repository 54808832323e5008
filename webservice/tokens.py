"""Authentication by access token. User, application and scopes are checked on every call."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from audit.actors import Proof
from loket import sealing
from loket.clocks import SKEW
from signin.factors import must_enrol
from signin.reauthentication import SECONDS
from webservice.models import AccessToken, Application


class Lack(StrEnum):
    """What a token lacks for step-up authentication; the values are error codes of the API."""

    INTERACTIVE = "proof_interactive"
    RECENT = "proof_recent_sign_in"
    FACTOR = "proof_second_factor"


@dataclass(frozen=True)
class Caller:
    """The user an application acts for, and the token's scopes. Rights of the user are checked by `teams.rights`."""

    user: User
    application: Application
    scopes: frozenset[str]
    authenticated_at: datetime | None = None  # when the user authenticated; None for client credentials
    with_factor: bool = False  # with a second factor, or through Microsoft

    @property
    def proof(self) -> Proof:
        """How recently the user authenticated. Any token with the right scope may change permissions."""
        return Proof.HALF_HOUR if self.lacks() else Proof.FIVE_MINUTES

    def lacks(self) -> list[Lack]:
        """Return what the token lacks for changing how users sign in (step-up authentication, RFC 9470)."""
        if self.authenticated_at is None:
            return [Lack.INTERACTIVE]
        age, most = timezone.now() - self.authenticated_at, SECONDS[Proof.FIVE_MINUTES]
        is_recent = -SKEW <= age < timedelta(seconds=most)
        if self.user.is_azure_user:  # Microsoft asks for the factor, when a confirmation is asked of it
            return [] if is_recent and self.with_factor else [Lack.RECENT]
        missing = {Lack.RECENT: not is_recent, Lack.FACTOR: not self.with_factor}
        return [lack for lack, is_missing in missing.items() if is_missing]


def bearer(request: HttpRequest) -> Caller | None:
    """Return the caller for the `Authorization: Bearer` header, None if the token is missing or invalid for any reason.

    Tokens in the URL or the body are ignored (RFC 9700).
    """
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    found = find(token.strip()) if kind.lower() == "bearer" else None
    if found is None:
        return None
    scopes = frozenset(found.working_scopes)
    return Caller(found.user, found.application, scopes, found.authenticated_at, found.with_factor)


def find(token: str) -> AccessToken | None:
    """Return the access token if it is valid. One query; two for a website user without a second factor."""
    rows = AccessToken.objects.select_related("user__provider", "application")
    found: AccessToken | None = rows.filter(token_checksum=sealing.token_hash(token)).first()
    if found is None or found.is_expired() or not found.is_of(found.user):
        return None
    may_use = found.application.is_usable() and found.application.serves(found.user)
    return found if may_use and may_call(found.user) else None


def may_call(user: User) -> bool:
    """Return whether tokens of `user` are accepted: the user may sign in and has no pending two-factor enrollment."""
    return user.may_sign_in and not must_enrol(user)
