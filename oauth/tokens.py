"""Authentication by access token. User, application and scopes are checked on every call."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from authentication.mfa import must_enroll
from authentication.reauthentication import LEVEL_MAX_AGE_SECONDS
from core import encryption
from core.access import ReauthenticationLevel
from core.clock_skew import MAX_CLOCK_SKEW
from oauth import resources
from oauth.models import AccessToken, Application, OfficeAccess


class MissingEvidence(StrEnum):
    """What a token lacks for step-up authentication; the values are error codes of the API."""

    INTERACTIVE = "proof_interactive"
    RECENT = "proof_recent_sign_in"
    FACTOR = "proof_second_factor"


@dataclass(frozen=True)
class Caller:
    """The user an application acts for, and the scopes of its token. `permissions.checks` checks the user's rights."""

    user: User
    application: Application
    scopes: frozenset[str]
    authenticated_at: datetime | None = None  # when the user authenticated; None for client credentials
    with_factor: bool = False  # with a second factor, or through Microsoft

    @property
    def proof(self) -> ReauthenticationLevel:
        """How recently the user authenticated. Any token with the right scope may change permissions."""
        return ReauthenticationLevel.HALF_HOUR if self.list_missing_proof() else ReauthenticationLevel.FIVE_MINUTES

    def has_authenticated_within(self, level: ReauthenticationLevel) -> bool:
        """Return whether the user authenticated as recently as `level` asks; a refreshed token keeps the moment."""
        if self.authenticated_at is None:
            return False
        age = timezone.now() - self.authenticated_at
        return -MAX_CLOCK_SKEW <= age < timedelta(seconds=LEVEL_MAX_AGE_SECONDS[level])

    def list_missing_proof(self) -> list[MissingEvidence]:
        """Return what the token lacks for changing how users sign in (step-up authentication, RFC 9470)."""
        if self.authenticated_at is None:
            return [MissingEvidence.INTERACTIVE]
        is_recent = self.has_authenticated_within(ReauthenticationLevel.FIVE_MINUTES)
        if self.user.is_azure_user:  # Microsoft requires the second factor when Loket requests re-authentication
            return [] if is_recent and self.with_factor else [MissingEvidence.RECENT]
        missing = {MissingEvidence.RECENT: not is_recent, MissingEvidence.FACTOR: not self.with_factor}
        return [evidence for evidence, is_missing in missing.items() if is_missing]


def authenticate_bearer(request: HttpRequest) -> Caller | None:
    """Return the caller for the `Authorization: Bearer` header, None if the token is missing or invalid for any reason.

    Tokens in the URL or the body are ignored (RFC 9700).
    """
    kind, _space, token = request.headers.get("Authorization", "").partition(" ")
    found = find_access_token(token.strip()) if kind.lower() == "bearer" else None
    if found is None or not resources.includes_this_site(found.resource):
        return None
    scopes = frozenset(found.effective_scopes)
    return Caller(found.user, found.application, scopes, found.authenticated_at, found.with_factor)


def find_access_token(token: str) -> AccessToken | None:
    """Return the access token if it is valid. One query; two for a website user without a second factor."""
    closed = OfficeAccess.objects.closed_to(OuterRef("user"), provider=OuterRef("provider"))
    rows = AccessToken.objects.select_related("user__provider", "application")
    rows = rows.annotate(is_closed=Exists(closed.filter(application=OuterRef("application"))))
    found: Any = rows.filter(token_checksum=encryption.hash_token(token)).first()
    if found is None or found.is_expired() or not found.is_valid_for(found.user):
        return None
    may_use = found.application.is_usable() and found.application.serves_office_of(found.user) and not found.is_closed
    return found if may_use and can_use_tokens(found.user) else None


def can_use_tokens(user: User) -> bool:
    """Return whether tokens of `user` are accepted: the user may sign in and has no pending two-factor enrollment."""
    return user.may_sign_in and not must_enroll(user)
