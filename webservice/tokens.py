"""Who calls: the person and the program behind an access token, checked anew at every call."""

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
    """What a token lacks, as the code of the refusal says it."""

    INTERACTIVE = "proof_interactive"
    RECENT = "proof_recent_sign_in"
    FACTOR = "proof_second_factor"


@dataclass(frozen=True)
class Caller:
    """For whom a program calls, and what it may ask for; what the person may is another question (`teams.rights`)."""

    user: User
    application: Application
    scopes: frozenset[str]
    authenticated_at: datetime | None = None  # when the user proved who they are; never, with client credentials
    with_factor: bool = False  # with a second factor, or at Microsoft

    @property
    def proof(self) -> Proof:
        """How recently the user proved who they are. Rights may be changed by every token with the scope for it."""
        return Proof.HALF_HOUR if self.lacks() else Proof.FIVE_MINUTES

    def lacks(self) -> list[Lack]:
        """Return what the token lacks to change how users sign in (RFC 9470 calls asking for it step-up)."""
        if self.authenticated_at is None:
            return [Lack.INTERACTIVE]
        age, most = timezone.now() - self.authenticated_at, SECONDS[Proof.FIVE_MINUTES]
        is_recent = -SKEW <= age < timedelta(seconds=most)
        if self.user.is_azure_user:  # Microsoft asks for the factor, when a confirmation is asked of it
            return [] if is_recent and self.with_factor else [Lack.RECENT]
        missing = {Lack.RECENT: not is_recent, Lack.FACTOR: not self.with_factor}
        return [lack for lack, is_missing in missing.items() if is_missing]


def bearer(request: HttpRequest) -> Caller | None:
    """Return who calls with `Authorization: Bearer …`, None when the token opens nothing, whatever is wrong with it.

    A token counts in that header only, never in the address or the body (RFC 9700).
    """
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    found = find(token.strip()) if kind.lower() == "bearer" else None
    if found is None:
        return None
    scopes = frozenset(found.working_scopes)
    return Caller(found.user, found.application, scopes, found.authenticated_at, found.with_factor)


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
