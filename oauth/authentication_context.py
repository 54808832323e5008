"""Authentication context: how strongly a user signed in (`acr`, `amr`), and how strongly a client wants it.

The classes are those of REFEDS, which libraries and portals know. A client asks for one with `acr_values` or in the
`claims` parameter (OpenID Connect Core 5.5.1.1, RFC 9470).
"""

import json
from typing import Any

from django.http import QueryDict

from accounts.models import User
from oauth.token_models import SignInEvidence

SINGLE_FACTOR, MULTI_FACTOR = "https://refeds.org/profile/sfa", "https://refeds.org/profile/mfa"
ACR_VALUES = (MULTI_FACTOR, SINGLE_FACTOR)


def build_claims(user: User, evidence: SignInEvidence) -> dict[str, Any]:
    """Return `auth_time`, `acr`, `amr` (RFC 8176) and `sid`, as far as they are known.

    Microsoft counts as a second factor when it was asked for one.
    """
    claims: dict[str, Any] = {} if evidence.sid is None else {"sid": str(evidence.sid)}
    if evidence.authenticated_at is None:
        return claims
    claims["auth_time"] = int(evidence.authenticated_at.timestamp())
    if evidence.with_factor:
        return claims | {"acr": MULTI_FACTOR, "amr": ["mfa"]}
    return claims | {"acr": SINGLE_FACTOR} | ({} if user.is_azure_user else {"amr": ["pwd"]})


def read_claims_request(parameters: QueryDict) -> dict[str, Any] | None:
    """Return the claims requested for the ID token, None if the parameter is invalid."""
    try:
        request = json.loads(parameters.get("claims", "{}"))
    except (ValueError, RecursionError):
        return None
    wanted = (request.get("id_token") or {}) if isinstance(request, dict) else None
    return wanted if isinstance(wanted, dict) else None


def list_acr_values(parameters: QueryDict) -> tuple[list[str], bool]:
    """Return the wanted classes in order of preference, and whether one of them is essential."""
    acr = (read_claims_request(parameters) or {}).get("acr")
    if isinstance(acr, dict):
        values = acr["values"] if isinstance(acr.get("values"), list) else [acr["value"]] if "value" in acr else []
        return [str(value) for value in values], acr.get("essential") is True and bool(values)
    return parameters.get("acr_values", "").split(), False


def wants_factor(parameters: QueryDict) -> bool:
    """Return whether the first class that is known here takes a second factor."""
    known = [value for value in list_acr_values(parameters)[0] if value in ACR_VALUES]
    return bool(known) and known[0] == MULTI_FACTOR


def is_unmet(parameters: QueryDict, *, with_factor: bool) -> bool:
    """Return whether an essential class is not met."""
    values, is_essential = list_acr_values(parameters)
    met = {SINGLE_FACTOR, MULTI_FACTOR} if with_factor else {SINGLE_FACTOR}
    return is_essential and not met & set(values)
