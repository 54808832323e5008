"""OpenID Connect claims about a user, in ID tokens and at the userinfo endpoint (OpenID Connect Core 5.1)."""

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID, uuid5

from jwcrypto.common import JWException
from jwcrypto.jws import JWS
from jwcrypto.jwt import JWT

from accounts.models import User
from oauth import access_claims
from oauth.access_claims import MAX_USERINFO_GROUPS
from oauth.scopes import Scope
from oauth.signing_keys import SigningKey

_SUBJECT_NAMESPACE = UUID("7c2f9a1e-5b0d-4f6e-9f37-0d1c8a4be652")  # never change: clients identify users by the result
CLAIM_NAMES = (
    "sub", "name", "given_name", "family_name", "preferred_username", "provider_id", "provider_name", "email",
    "email_verified", "auth_time", "acr", "amr", "sid", *access_claims.CLAIM_NAMES,
)  # fmt: skip


def compute_subject(user: User) -> str:
    """Return the stable, opaque identifier of `user` for clients."""
    return str(uuid5(_SUBJECT_NAMESPACE, str(user.pk)))


def build_claims(user: User, scopes: Collection[str], *, max_groups: int = MAX_USERINFO_GROUPS) -> dict[str, Any]:
    """Return the claims about `user` that `scopes` allow, and that the userinfo endpoint may show."""
    claims: dict[str, Any] = {"sub": compute_subject(user)}
    if Scope.PROFILE in scopes:
        claims |= {
            "name": user.full_name,
            "given_name": user.first_name or user.initials,
            "family_name": " ".join(part for part in (user.prefix, user.last_name) if part),
            "preferred_username": user.username,
            "provider_id": str(user.provider_id),
            "provider_name": user.office.name,
        }
    if Scope.EMAIL in scopes:
        claims |= {"email": user.email, "email_verified": user.is_website_user}  # the others never confirmed an e-mail
    return claims | access_claims.build_claims(user, scopes, max_groups=max_groups)


def read_id_token(text: str) -> dict[str, Any] | None:
    """Return the claims of an ID token signed by this site, however old, None for any other text."""
    try:
        unverified = JWS()
        unverified.deserialize(text)
        key = SigningKey.objects.filter(kid=str(unverified.jose_header.get("kid", ""))[:43].replace("\x00", "")).first()
        if key is None:
            return None
        claims = json.loads(JWT(key=key.jwk, jwt=text, algs=[key.algorithm], check_claims={}).claims)
        return claims if isinstance(claims, dict) else None
    except (JWException, ValueError, TypeError, AttributeError):
        return None
